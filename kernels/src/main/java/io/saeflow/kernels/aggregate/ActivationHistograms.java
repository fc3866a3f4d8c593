// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Counts of each latent's positive values in bins 0.2 wide: bin b holds v in ((b - 1)·0.2, b·0.2],
 * as in the histograms that OpenAI published for its viewer.
 */
final class ActivationHistograms {
  private static final float BIN_WIDTH = 0.2f;

  private static final long[] NONE = {};

  /**
   * Of each latent, the count of bin {@code i + 1} at i; grows as bins come, to {@link
   * LatentStatistics#NEAR_BINS}.
   */
  private final long[][] near;

  private final SparseCounts[] far;

  ActivationHistograms(int latents) {
    this.near = new long[latents][];
    this.far = new SparseCounts[latents];
    Arrays.fill(near, NONE);
    Arrays.setAll(far, f -> new SparseCounts());
  }

  /** {@code ceil(v / 0.2f)} in float32; the largest int for values beyond it, 0 for NaN. */
  static int bin(float value) {
    return (int) Math.ceil(value / BIN_WIDTH);
  }

  /**
   * @param value above zero
   */
  void add(int latent, float value) {
    add(latent, bin(value), 1);
  }

  /** The bins that are not empty, ascending. */
  int[] bins(int latent) {
    int[] bins = new int[size(latent)];
    long[] counts = near[latent];
    int size = 0;
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        bins[size++] = i + 1;
      }
    }
    far[latent].copyKeys(bins, size);
    return bins;
  }

  /** In the order of the bins. */
  long[] counts(int latent) {
    long[] counts = new long[size(latent)];
    int size = 0;
    for (long count : near[latent]) {
      if (count > 0) {
        counts[size++] = count;
      }
    }
    far[latent].copyCounts(counts, size);
    return counts;
  }

  int bytes(int latent) {
    return Integer.BYTES + size(latent) * (Integer.BYTES + Long.BYTES);
  }

  void writeTo(ByteBuffer out, int latent) {
    int[] bins = bins(latent);
    long[] counts = counts(latent);
    out.putInt(bins.length);
    for (int i = 0; i < bins.length; i++) {
      out.putInt(bins[i]).putLong(counts[i]);
    }
  }

  void readFrom(ByteBuffer in, int latent) {
    near[latent] = NONE;
    far[latent] = new SparseCounts();
    for (int left = in.getInt(); left > 0; left--) {
      add(latent, in.getInt(), in.getLong());
    }
  }

  /**
   * @param bin at least 1
   * @param count above zero
   */
  void add(int latent, int bin, long count) {
    long[] counts = near[latent];
    if (bin <= counts.length) {
      counts[bin - 1] += count;
    } else if (bin <= LatentStatistics.NEAR_BINS) {
      int length = Math.max(8, Integer.highestOneBit(bin - 1) * 2);
      near[latent] = Arrays.copyOf(counts, length);
      near[latent][bin - 1] += count;
    } else {
      far[latent].add(bin, count);
    }
  }

  private int size(int latent) {
    int size = far[latent].size();
    for (long count : near[latent]) {
      size += count > 0 ? 1 : 0;
    }
    return size;
  }
}
