// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file read at positions in chunks: its size may exceed what a map or an array can hold. */
final class FileBytes implements AutoCloseable {
  private static final int CHUNK = 1 << 18;

  private final String name;
  private final FileChannel channel;
  private final long size;

  private FileBytes(String name, FileChannel channel, long size) {
    this.name = name;
    this.channel = channel;
    this.size = size;
  }

  static FileBytes open(Path path) throws TensorFileException {
    String name = String.valueOf(path.getFileName());
    try {
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      return new FileBytes(name, channel, channel.size());
    } catch (IOException e) {
      throw new TensorFileException(
          "%s: %s (expected: a readable file)".formatted(path, e.getClass().getSimpleName()), e);
    }
  }

  String name() {
    return name;
  }

  long size() {
    return size;
  }

  /** Fills {@code into} with the bytes from {@code position} on, and flips it. */
  void read(long position, ByteBuffer into) throws TensorFileException {
    try {
      while (into.hasRemaining()) {
        int read = channel.read(into, position + into.position());
        if (read < 0) {
          throw problem(
              "it ends at byte %d (expected: the %d of when it was opened)"
                  .formatted(position + into.position(), size));
        }
      }
    } catch (IOException e) {
      throw new TensorFileException("%s: %s".formatted(name, e.getMessage()), e);
    }
    into.flip();
  }

  float[] floats(long position, int count, Dtype dtype) throws TensorFileException {
    float[] values = new float[count];
    scan(position, count, dtype, (bytes, at) -> dtype.decode(bytes, values, at));
    return values;
  }

  long[] longs(long position, int count, Dtype dtype) throws TensorFileException {
    long[] values = new long[count];
    scan(position, count, dtype, (bytes, at) -> dtype.decode(bytes, values, at));
    return values;
  }

  TensorFileException problem(String message) {
    return new TensorFileException(name + ": " + message);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // Nothing was written, so nothing can be lost.
    }
  }

  private interface Decoder {
    void decode(ByteBuffer bytes, int at);
  }

  private void scan(long position, int count, Dtype dtype, Decoder decoder)
      throws TensorFileException {
    int capacity = (int) Math.min(CHUNK, (long) count * dtype.bytes());
    ByteBuffer buffer = ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN);
    int step = capacity / dtype.bytes();
    for (int at = 0; at < count; at += Math.min(step, count - at)) {
      buffer.clear().limit(Math.min(step, count - at) * dtype.bytes());
      read(position + (long) at * dtype.bytes(), buffer);
      decoder.decode(buffer, at);
    }
  }
}
