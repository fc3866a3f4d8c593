// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import com.fasterxml.jackson.core.io.NumberOutput;
import io.saeflow.schemas.feature.IntList;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * JSON as bytes, put together by hand: for what files hold most of, and what they hold more than
 * once. Numbers read as {@link JsonFile} writes them. Grows as needed. For one thread.
 */
public final class JsonBytes {
  /** No int or long takes more: "-9223372036854775808". */
  private static final int LONGEST_NUMBER = 20;

  /** A long's bytes at a place of an array, the lowest first, as {@link JsonPieces} has them. */
  static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private byte[] bytes = new byte[1 << 10];
  private int size;

  /** How many bytes there are. */
  public int size() {
    return size;
  }

  /** Takes all bytes out. */
  public void clear() {
    size = 0;
  }

  /** Appends UTF-8 as it is. */
  public void append(byte[] json) {
    append(json, json.length);
  }

  /** Appends the first {@code length} bytes of some UTF-8 as they are. */
  public void append(byte[] json, int length) {
    require(length);
    System.arraycopy(json, 0, bytes, size, length);
    size += length;
  }

  /**
   * Appends a piece for each number in {@code [from, to)} of a list.
   *
   * @param numbers of pieces that there are
   */
  public void append(JsonPieces pieces, IntList numbers, int from, int to) {
    require((to - from) * JsonPieces.LONGS * Long.BYTES);
    byte[] target = bytes;
    long[] longs = pieces.longs();
    int at = size;
    for (int i = from; i < to; i++) {
      int piece = numbers.at(i) * JsonPieces.LONGS;
      long end = longs[piece + 1];
      // Always as many as a piece may have: to tell how many would take longer.
      LONG.set(target, at, longs[piece]);
      LONG.set(target, at + Long.BYTES, end);
      at += (int) (end >>> (Long.SIZE - Byte.SIZE));
    }
    size = at;
  }

  /** Appends bytes {@code [from, to)} of these once more. */
  public void appendAgain(int from, int to) {
    require(to - from);
    System.arraycopy(bytes, from, bytes, size, to - from);
    size += to - from;
  }

  /** Appends ASCII as it is. */
  public void append(String json) {
    require(json.length());
    for (int i = 0; i < json.length(); i++) {
      bytes[size++] = (byte) json.charAt(i);
    }
  }

  /** Appends a number. */
  public void appendNumber(int value) {
    require(LONGEST_NUMBER);
    size = NumberOutput.outputInt(value, bytes, size);
  }

  /** Appends a number. */
  public void appendNumber(long value) {
    require(LONGEST_NUMBER);
    size = NumberOutput.outputLong(value, bytes, size);
  }

  /**
   * Appends a number.
   *
   * @param value finite
   */
  public void appendNumber(float value) {
    append(NumberOutput.toString(value, true));
  }

  /**
   * Appends a number.
   *
   * @param value finite
   */
  public void appendNumber(double value) {
    append(NumberOutput.toString(value, true));
  }

  /** Appends a number, or null if it is NaN or infinite, which JSON lacks. */
  public void appendFiniteOrNull(double value) {
    if (Double.isFinite(value)) {
      appendNumber(value);
    } else {
      append("null");
    }
  }

  /** Ends an array, whose last element has a comma behind it if there is any. */
  public void endArray() {
    if (bytes[size - 1] == ',') {
      size--;
    }
    append("]");
  }

  /** All of them, in an array of their own. */
  public byte[] toByteArray() {
    return Arrays.copyOf(bytes, size);
  }

  /** Writes all of them at once. */
  public void writeTo(OutputStream out) throws IOException {
    out.write(bytes, 0, size);
  }

  private void require(int more) {
    if (size + more > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, size + more));
    }
  }
}
