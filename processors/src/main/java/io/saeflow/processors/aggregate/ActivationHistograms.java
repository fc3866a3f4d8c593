// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Counts of each feature's positive activations in bins 0.2 wide: bin b holds a in ((b - 1)·0.2,
 * b·0.2], as in the histograms that OpenAI published for its viewer.
 */
final class ActivationHistograms {
  private static final float BIN_WIDTH = 0.2f;

  /** Bins up to here have a place in an array; the few beyond are searched for. */
  private static final int NEAR_BINS = 128;

  private static final long[] NONE = {};

  /** For each feature, the count of bin {@code i + 1} at i; grows as bins come. */
  private final long[][] near;

  private final SparseCounts[] far;

  ActivationHistograms(int features) {
    this.near = new long[features][];
    this.far = new SparseCounts[features];
    Arrays.fill(near, NONE);
    Arrays.setAll(far, f -> new SparseCounts());
  }

  /** {@code ceil(a / 0.2)} in float32; the largest int for values beyond it. */
  static int bin(float activation) {
    return (int) Math.ceil(activation / BIN_WIDTH);
  }

  /**
   * @param activation above zero
   */
  void add(int feature, float activation) {
    add(feature, bin(activation), 1);
  }

  /** The bins that are not empty, ascending. */
  List<Integer> bins(int feature) {
    List<Integer> bins = new ArrayList<>();
    long[] counts = near[feature];
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        bins.add(i + 1);
      }
    }
    bins.addAll(far[feature].keys());
    return bins;
  }

  /** In the order of the bins. */
  List<Long> counts(int feature) {
    List<Long> counts = new ArrayList<>();
    for (long count : near[feature]) {
      if (count > 0) {
        counts.add(count);
      }
    }
    counts.addAll(far[feature].counts());
    return counts;
  }

  int bytes(int feature) {
    return Integer.BYTES + size(feature) * (Integer.BYTES + Long.BYTES);
  }

  void writeTo(ByteBuffer out, int feature) {
    out.putInt(size(feature));
    List<Integer> bins = bins(feature);
    List<Long> counts = counts(feature);
    for (int i = 0; i < bins.size(); i++) {
      out.putInt(bins.get(i)).putLong(counts.get(i));
    }
  }

  void readFrom(ByteBuffer in, int feature) {
    near[feature] = NONE;
    far[feature] = new SparseCounts();
    for (int left = in.getInt(); left > 0; left--) {
      add(feature, in.getInt(), in.getLong());
    }
  }

  private void add(int feature, int bin, long count) {
    long[] counts = near[feature];
    if (bin <= counts.length) {
      counts[bin - 1] += count;
    } else if (bin <= NEAR_BINS) {
      int length = Math.max(8, Integer.highestOneBit(bin - 1) * 2);
      near[feature] = Arrays.copyOf(counts, length);
      near[feature][bin - 1] += count;
    } else {
      far[feature].add(bin, count);
    }
  }

  private int size(int feature) {
    int size = far[feature].size();
    for (long count : near[feature]) {
      size += count > 0 ? 1 : 0;
    }
    return size;
  }
}
