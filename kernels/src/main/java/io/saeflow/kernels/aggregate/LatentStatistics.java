// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import io.saeflow.kernels.sae.SparseLatents;
import java.util.Arrays;

/**
 * Count, power sums, maximum and histogram of each latent's values over the batches added. It
 * defines every bit of what the kernels of {@code aggregate.cu} make.
 *
 * <p>Of one batch, a latent's values v by ascending token, numbered i = 0, 1, ...:
 *
 * <pre>
 * s[l] = +0;  for i = l, l + 32, l + 64, ...:  s[l] = s[l] + v[i]^p             l = 0..31
 * for o = 16, 8, 4, 2, 1:  s[l] = s[l] + s[l + o]                               l = 0..o-1
 * sum(p) = sum(p) + s[0]
 * </pre>
 *
 * <p>for p = 1 to 4, in float64 rounded to nearest, with v^2 = v v, v^3 = v^2 v and v^4 = v^2 v^2,
 * each rounded. So power sums depend on where batches are cut; all else does not.
 */
public final class LatentStatistics {
  /** Power sums of a latent. */
  public static final int POWERS = 4;

  private static final int LANES = 32;
  private static final float BIN_WIDTH = 0.2f;

  private final int latents;
  private final int bins;
  private final long[] active;
  private final double[] powerSums;
  private final float[] largest;
  private final int[] histogram;

  /**
   * @param latents n
   * @param bins of each latent's histogram, at least 1
   */
  public LatentStatistics(int latents, int bins) {
    if (bins < 1) {
      throw new IllegalArgumentException("bins: %d (expected: >= 1)".formatted(bins));
    }
    this.latents = latents;
    this.bins = bins;
    this.active = new long[latents];
    this.powerSums = new double[latents * POWERS];
    this.largest = new float[latents];
    this.histogram = new int[Math.multiplyExact(latents, bins)];
  }

  /**
   * Adds a batch.
   *
   * @throws IndexOutOfBoundsException if a latent is not one of the n
   */
  public void add(SparseLatents batch) {
    int[] starts = new int[latents + 2];
    for (int latent : batch.latents()) {
      starts[latent + 2]++;
    }
    for (int f = 2; f < starts.length; f++) {
      starts[f] += starts[f - 1];
    }
    float[] byLatent = new float[batch.values().length];
    for (int e = 0; e < byLatent.length; e++) {
      byLatent[starts[batch.latents()[e] + 1]++] = batch.values()[e];
    }
    double[] lanes = new double[POWERS * LANES];
    for (int f = 0; f < latents; f++) {
      if (starts[f] < starts[f + 1]) {
        addPowers(f, byLatent, starts[f], starts[f + 1], lanes);
        addPositives(f, byLatent, starts[f], starts[f + 1]);
      }
    }
  }

  /** [n]: how many values are above zero; shared. */
  public long[] active() {
    return active;
  }

  /** [n, {@value #POWERS}]: the sums of v, v^2, v^3 and v^4; shared. */
  public double[] powerSums() {
    return powerSums;
  }

  /** [n]: the largest of the values above zero, 0 if there is none; shared. */
  public float[] largest() {
    return largest;
  }

  /**
   * [n, bins]: how many of the values above zero have {@code ceil(v / 0.2f) = bin + 1}, in float32;
   * the last bin holds those beyond, too. Shared.
   */
  public int[] histogram() {
    return histogram;
  }

  private void addPowers(int latent, float[] values, int from, int to, double[] lanes) {
    Arrays.fill(lanes, 0);
    for (int i = from; i < to; i++) {
      int lane = (i - from) % LANES;
      double v = values[i];
      double square = v * v;
      lanes[lane] += v;
      lanes[LANES + lane] += square;
      lanes[2 * LANES + lane] += square * v;
      lanes[3 * LANES + lane] += square * square;
    }
    for (int p = 0; p < POWERS; p++) {
      for (int o = LANES / 2; o >= 1; o /= 2) {
        for (int l = 0; l < o; l++) {
          lanes[p * LANES + l] += lanes[p * LANES + l + o];
        }
      }
      powerSums[latent * POWERS + p] += lanes[p * LANES];
    }
  }

  private void addPositives(int latent, float[] values, int from, int to) {
    for (int i = from; i < to; i++) {
      if (values[i] > 0) {
        active[latent]++;
        largest[latent] = Math.max(largest[latent], values[i]);
        double bin = Math.ceil(values[i] / BIN_WIDTH);
        histogram[latent * bins + (int) Math.min(bin, bins) - 1]++;
      }
    }
  }
}
