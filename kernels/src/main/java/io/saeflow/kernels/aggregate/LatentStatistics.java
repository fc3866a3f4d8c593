// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import java.nio.ByteBuffer;

/**
 * Count, maximum, power sums and histogram of the values of each latent of a range, numbered from
 * the first of the range. In arrays over all latents: a batch meets thousands of them, and an
 * object each would be a cache miss each.
 *
 * <p>Of one latent in one sequence, the values v in order of their positions make, for p = 1 to 4,
 *
 * <pre>
 * s(p) = +0;  for each v:  s(p) = s(p) + v^p
 * </pre>
 *
 * <p>in float64 rounded to nearest, with v^2 = v v, v^3 = v^2 v and v^4 = v^2 v^2, each rounded.
 * The s(p) of all sequences are added exactly: each is rounded to a multiple of 2^-96, half away
 * from zero, and added as a 256-bit integer. A NaN, or an s(p) of magnitude 2^127 or more, makes
 * the sum out of range for good. Of the values above zero alone are the count, the maximum, and the
 * histogram: bin b counts those with {@code ceil(v / 0.2f) = b} in float32.
 *
 * <p>So nothing depends on the order of sequences, nor on how they come in batches. Not safe for
 * use by several threads.
 */
public final class LatentStatistics {
  /** As in the histograms that OpenAI published for its viewer. */
  private static final float BIN_WIDTH = 0.2f;

  /** Power sums of a latent. */
  public static final int POWERS = 4;

  private final long[] active;
  private final float[] max;

  /** The sum of power p of latent f at {@code f * POWERS + p - 1}. */
  private final FixedPointSums powerSums;

  /** By bin. */
  private final LatentCounts histograms;

  /**
   * Statistics of nothing.
   *
   * @param latents how many the range has
   */
  public LatentStatistics(int latents) {
    this.active = new long[latents];
    this.max = new float[latents];
    this.powerSums = new FixedPointSums(latents * POWERS);
    this.histograms = new LatentCounts(latents);
  }

  /** {@code ceil(v / 0.2f)} in float32; the largest int for values beyond it, 0 for NaN. */
  public static int bin(float value) {
    return (int) Math.ceil(value / BIN_WIDTH);
  }

  /** How many values are above zero. */
  public long active(int latent) {
    return active[latent];
  }

  /** The largest of the values above zero; 0 if there is none. */
  public float max(int latent) {
    return max[latent];
  }

  /** The float64 nearest to the sum of the values' {@code power}-th power; NaN out of range. */
  public double powerSum(int latent, int power) {
    return powerSums.value(index(latent, power));
  }

  /** The bins that are not empty, ascending. */
  public int[] bins(int latent) {
    return histograms.keys(latent);
  }

  /** How many values each of {@link #bins} has. */
  public long[] binCounts(int latent) {
    return histograms.counts(latent);
  }

  /** How many bytes {@link #writeTo} writes. */
  public int bytes(int latent) {
    return Long.BYTES + Float.BYTES + POWERS * FixedPointSums.BYTES + histograms.bytes(latent);
  }

  /** Writes all that is known of a latent, in the buffer's byte order. */
  public void writeTo(ByteBuffer out, int latent) {
    out.putLong(active[latent]).putFloat(max[latent]);
    for (int power = 1; power <= POWERS; power++) {
      powerSums.writeTo(out, index(latent, power));
    }
    histograms.writeTo(out, latent);
  }

  /** Takes what {@link #writeTo} wrote in place of what is there. */
  public void readFrom(ByteBuffer in, int latent) {
    active[latent] = in.getLong();
    max[latent] = in.getFloat();
    for (int power = 1; power <= POWERS; power++) {
      powerSums.readFrom(in, index(latent, power));
    }
    histograms.readFrom(in, latent);
  }

  /**
   * Adds values above zero to the count and the maximum alone, as the methods below add to the
   * rest: for who counts elsewhere.
   *
   * @param count how many
   * @param largest of them
   */
  public void addActive(int latent, long count, float largest) {
    active[latent] += count;
    max[latent] = Math.max(max[latent], largest);
  }

  /**
   * Adds to a bin of the histogram.
   *
   * @param bin at least 1
   * @param count above zero
   */
  public void addToBin(int latent, int bin, long count) {
    histograms.add(latent, bin, count);
  }

  /**
   * Adds {@code multiple} times 2^({@code 32 limb} - 96) to a power sum.
   *
   * @param limb 0 to 7
   */
  public void addToPowerSum(int latent, int power, int limb, long multiple) {
    powerSums.addMultiple(index(latent, power), limb, multiple);
  }

  /** Makes a power sum out of range. */
  public void setOutOfRange(int latent, int power) {
    powerSums.setOutOfRange(index(latent, power));
  }

  /** Counts one value above zero. */
  void addPositive(int latent, float value) {
    active[latent]++;
    max[latent] = Math.max(max[latent], value);
    histograms.add(latent, bin(value), 1);
  }

  /** Adds what one sequence has of the values' first four powers. */
  void addPowerSums(int latent, double sum1, double sum2, double sum3, double sum4) {
    int first = latent * POWERS;
    powerSums.add(first, sum1);
    powerSums.add(first + 1, sum2);
    powerSums.add(first + 2, sum3);
    powerSums.add(first + 3, sum4);
  }

  private static int index(int latent, int power) {
    return latent * POWERS + power - 1;
  }
}
