// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Counts of positive activations in bins 0.2 wide: bin b holds a in ((b - 1)·0.2, b·0.2], as in the
 * histograms that OpenAI published for its viewer.
 */
final class ActivationHistogram {
  private static final float BIN_WIDTH = 0.2f;
  private static final int[] NO_BINS = {};
  private static final long[] NO_COUNTS = {};

  /** Ascending; only the first {@code size} are in use, likewise their counts. */
  private int[] bins = NO_BINS;

  private long[] counts = NO_COUNTS;
  private int size;

  /** {@code ceil(a / 0.2)} in float32; the largest int for values beyond it. */
  static int bin(float activation) {
    return (int) Math.ceil(activation / BIN_WIDTH);
  }

  void add(float activation) {
    int bin = bin(activation);
    int at = Arrays.binarySearch(bins, 0, size, bin);
    if (at < 0) {
      at = -at - 1;
      insert(at, bin);
    }
    counts[at]++;
  }

  List<Integer> bins() {
    return Arrays.stream(bins, 0, size).boxed().collect(Collectors.toList());
  }

  List<Long> counts() {
    return Arrays.stream(counts, 0, size).boxed().collect(Collectors.toList());
  }

  int bytes() {
    return Integer.BYTES + size * (Integer.BYTES + Long.BYTES);
  }

  void writeTo(ByteBuffer out) {
    out.putInt(size);
    for (int i = 0; i < size; i++) {
      out.putInt(bins[i]).putLong(counts[i]);
    }
  }

  void readFrom(ByteBuffer in) {
    size = in.getInt();
    bins = new int[size];
    counts = new long[size];
    for (int i = 0; i < size; i++) {
      bins[i] = in.getInt();
      counts[i] = in.getLong();
    }
  }

  private void insert(int at, int bin) {
    if (size == bins.length) {
      int capacity = Math.max(8, size * 2);
      bins = Arrays.copyOf(bins, capacity);
      counts = Arrays.copyOf(counts, capacity);
    }
    System.arraycopy(bins, at, bins, at + 1, size - at);
    System.arraycopy(counts, at, counts, at + 1, size - at);
    bins[at] = bin;
    counts[at] = 0;
    size++;
  }
}
