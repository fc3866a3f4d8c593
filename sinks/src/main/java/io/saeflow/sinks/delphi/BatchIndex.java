// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * Where each batch is: a start and a length, by message number, of which the ends of the stream
 * take some. Twelve bytes a number.
 */
final class BatchIndex {
  /** Beyond this a batch number is not believed. */
  private static final int MOST_BATCHES = 1 << 27;

  private static final int ABSENT = -1;

  private long[] starts = new long[0];
  private int[] lengths = new int[0];
  private long largest = ABSENT;

  boolean contains(long batch) {
    return batch < lengths.length && lengths[(int) batch] != ABSENT;
  }

  /** The numbers of the batches, ascending. */
  long[] numbers() {
    return LongStream.rangeClosed(0, largest).filter(this::contains).toArray();
  }

  long start(long batch) {
    return starts[Math.toIntExact(batch)];
  }

  int length(long batch) {
    return lengths[Math.toIntExact(batch)];
  }

  /**
   * @param batch not contained yet
   * @param length at least 0
   */
  void put(long batch, long start, int length) throws MalformedMessageException {
    if (batch >= MOST_BATCHES) {
      throw new MalformedMessageException(
          "batch number: %d (expected: below %d)".formatted(batch, MOST_BATCHES));
    }
    if (batch >= lengths.length) {
      int old = lengths.length;
      int capacity = (int) Math.max(batch + 1, Math.min(2L * old, MOST_BATCHES));
      starts = Arrays.copyOf(starts, capacity);
      lengths = Arrays.copyOf(lengths, capacity);
      Arrays.fill(lengths, old, capacity, ABSENT);
    }
    starts[(int) batch] = start;
    lengths[(int) batch] = length;
    largest = Math.max(largest, batch);
  }
}
