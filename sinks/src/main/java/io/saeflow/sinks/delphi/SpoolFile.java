// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file of our own, written and read at positions. */
final class SpoolFile implements Closeable {
  private final Path path;
  private final FileChannel channel;

  private SpoolFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /** Creates the file, or empties it. */
  static SpoolFile create(Path path) throws IOException {
    return new SpoolFile(
        path,
        FileChannel.open(
            path,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE));
  }

  /** Writes what {@code bytes} has left; returns the position after it. */
  long write(ByteBuffer bytes, long position) throws IOException {
    long at = position;
    while (bytes.hasRemaining()) {
      at += channel.write(bytes, at);
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
