// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import io.saeflow.schemas.feature.IntList;
import java.util.Arrays;

/**
 * Short pieces of UTF-8, by number, that are appended to JSON again and again. They lie beside each
 * other, so that to append one takes a look at one place. For one thread.
 */
public final class JsonPieces {
  /** No piece is longer. */
  public static final int MOST_BYTES = 15;

  /**
   * What a piece takes: its bytes, the first lowest, and in the highest byte how many there are.
   */
  static final int LONGS = 2;

  private long[] longs = {};

  /** The first place in a list, from one on, whose number has no piece; else the list's size. */
  public int missing(IntList numbers, int from) {
    long[] all = longs;
    int i = from;
    while (i < numbers.size() && isIn(all, numbers.at(i))) {
      i++;
    }
    return i;
  }

  private static boolean isIn(long[] all, int number) {
    return number >= 0 && number < all.length / LONGS && all[number * LONGS + 1] != 0;
  }

  /**
   * Adds a piece.
   *
   * @param number not negative
   * @param piece 1 to {@link #MOST_BYTES} bytes
   */
  public void put(int number, byte[] piece) {
    if (number < 0) {
      throw new IllegalArgumentException("piece: number %d (expected: >= 0)".formatted(number));
    }
    if (piece.length == 0 || piece.length > MOST_BYTES) {
      throw new IllegalArgumentException(
          "piece: %d bytes (expected: 1 to %d)".formatted(piece.length, MOST_BYTES));
    }
    int end = Math.multiplyExact(number + 1, LONGS);
    if (end > longs.length) {
      longs = Arrays.copyOf(longs, Math.max(end, 2 * longs.length));
    }
    byte[] slot = Arrays.copyOf(piece, LONGS * Long.BYTES);
    slot[MOST_BYTES] = (byte) piece.length;
    longs[end - 2] = (long) JsonBytes.LONG.get(slot, 0);
    longs[end - 1] = (long) JsonBytes.LONG.get(slot, Long.BYTES);
  }

  /** As this class lays them out; not copied. */
  long[] longs() {
    return longs;
  }
}
