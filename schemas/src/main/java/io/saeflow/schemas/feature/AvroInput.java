// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads Avro's binary encoding from an array. Avro's own decoder looks for the end of its bytes
 * with every number; this one takes the numbers of an array at once.
 *
 * <p>Nothing is allocated by what a length is said to be before so many bytes are seen to be there.
 */
final class AvroInput {
  /** Bytes of the longest long. */
  private static final int LONGEST = 10;

  private final byte[] bytes;
  private final ByteBuffer buffer;
  private int at;

  /**
   * @param bytes not changed meanwhile
   * @param from where the encoding begins; it goes on to the end
   */
  AvroInput(byte[] bytes, int from) {
    this.bytes = bytes;
    this.buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.at = from;
  }

  boolean isEnd() {
    return at == bytes.length;
  }

  /** Where in the array the next value is. */
  int position() {
    return at;
  }

  boolean readBoolean() throws EOFException {
    return bytes[skip(1)] == 1;
  }

  int readInt() throws IOException {
    long value = readLong();
    if (value != (int) value) {
      throw new IOException("int: %d (expected: 32 bits)".formatted(value));
    }
    return (int) value;
  }

  long readLong() throws IOException {
    long value = 0;
    for (int i = 0; i < LONGEST; i++) {
      byte next = bytes[skip(1)];
      value |= (next & 0x7fL) << (7 * i);
      if (next >= 0) {
        return (value >>> 1) ^ -(value & 1);
      }
    }
    throw new IOException("number: goes on (expected: %d bytes at most)".formatted(LONGEST));
  }

  float readFloat() throws EOFException {
    return buffer.getFloat(skip(Float.BYTES));
  }

  double readDouble() throws EOFException {
    return buffer.getDouble(skip(Double.BYTES));
  }

  String readString() throws IOException {
    int length = requireLeft(readLong(), 1);
    return new String(bytes, skip(length), length, StandardCharsets.UTF_8);
  }

  /** How many elements an array's next block has; 0 at the array's end. */
  long readBlock() throws IOException {
    long count = readLong();
    if (count < 0) {
      readLong(); // how many bytes they take
      count = -count;
    }
    if (count < 0) {
      throw new IOException("elements: 2^63 (expected: fewer)");
    }
    return count;
  }

  int[] readInts() throws IOException {
    int[] numbers = {};
    int size = 0;
    for (long n = readBlock(); n > 0; n = readBlock()) {
      int to = size + requireLeft(n, 1);
      if (to > numbers.length) {
        numbers = Arrays.copyOf(numbers, capacity(to, size));
      }
      try {
        readInts(numbers, size, to);
      } catch (ArrayIndexOutOfBoundsException e) {
        throw new EOFException(
            "int at the end of %d bytes (expected: inside)".formatted(bytes.length));
      }
      size = to;
    }
    return size == numbers.length ? numbers : Arrays.copyOf(numbers, size);
  }

  float[] readFloats() throws IOException {
    float[] numbers = {};
    int size = 0;
    for (long n = readBlock(); n > 0; n = readBlock()) {
      int count = requireLeft(n, Float.BYTES);
      if (size + count > numbers.length) {
        numbers = Arrays.copyOf(numbers, capacity(size + count, size));
      }
      buffer.position(skip(count * Float.BYTES));
      buffer.asFloatBuffer().get(numbers, size, count);
      size += count;
    }
    return size == numbers.length ? numbers : Arrays.copyOf(numbers, size);
  }

  /**
   * Branch by branch: two or three bytes are the rule, and a loop takes a third longer.
   *
   * @throws ArrayIndexOutOfBoundsException if the bytes end before; looking with each takes longer
   */
  private void readInts(int[] numbers, int from, int to) throws IOException {
    int next = at;
    for (int i = from; i < to; i++) {
      int value = bytes[next++];
      if (value < 0) {
        value = (value & 0x7f) | (bytes[next++] << 7);
        if (value < 0) {
          value = (value & 0x3fff) | (bytes[next++] << 14);
          if (value < 0) {
            value = (value & 0x1f_ffff) | (bytes[next++] << 21);
            if (value < 0) {
              byte last = bytes[next++];
              if (last < 0) {
                throw new IOException("int: goes on (expected: 5 bytes at most)");
              }
              value = (value & 0xfff_ffff) | (last << 28);
            }
          }
        }
      }
      numbers[i] = (value >>> 1) ^ -(value & 1);
    }
    at = next;
  }

  /** Exactly for one block of elements, but doubled for each of many small ones. */
  private static int capacity(int needed, int size) {
    return Math.max(needed, 2 * size);
  }

  /** Passes over bytes and returns where they begin. */
  private int skip(int count) throws EOFException {
    int from = at;
    if (count > bytes.length - from) {
      throw new EOFException(
          "%d bytes at %d of %d (expected: inside)".formatted(count, from, bytes.length));
    }
    at += count;
    return from;
  }

  /**
   * How many elements there are said to be, if they can be: so much is allocated for them.
   *
   * @param least the fewest bytes that one takes
   */
  private int requireLeft(long elements, int least) throws EOFException {
    int left = bytes.length - at;
    if (elements < 0 || elements > left / least) {
      throw new EOFException(
          "%d elements in %d bytes (expected: %d bytes each at least)"
              .formatted(elements, left, least));
    }
    return (int) elements;
  }
}
