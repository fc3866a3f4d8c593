// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.sinks.files.AtomicFile;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file of our own, written and read at positions. Its errors name it. */
final class SpoolFile implements Closeable {
  private final Path path;
  private final FileChannel channel;

  private SpoolFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /** Opens the file, or creates it. */
  static SpoolFile open(Path path) throws IOException {
    try {
      return new SpoolFile(
          path,
          FileChannel.open(
              path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
    } catch (IOException e) {
      throw AtomicFile.notWritten(path, e);
    }
  }

  /** How many bytes it has. */
  long size() throws IOException {
    return channel.size();
  }

  /** Cuts off what is beyond {@code size}. */
  void truncate(long size) throws IOException {
    try {
      channel.truncate(size);
    } catch (IOException e) {
      throw AtomicFile.notWritten(path, e);
    }
  }

  /** Brings what was written to the disk. */
  void force() throws IOException {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw AtomicFile.notWritten(path, e);
    }
  }

  /** Writes what {@code bytes} has left; returns the position after it. */
  long write(ByteBuffer bytes, long position) throws IOException {
    long at = position;
    try {
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw AtomicFile.notWritten(path, e);
    }
    return at;
  }

  /** Fills what {@code bytes} has left; returns the position after it. */
  long read(ByteBuffer bytes, long position) throws IOException {
    long at = position;
    while (bytes.hasRemaining()) {
      int count = channel.read(bytes, at);
      if (count < 0) {
        throw new EOFException("%s ends at %d (expected: more)".formatted(path, at));
      }
      at += count;
    }
    return at;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
