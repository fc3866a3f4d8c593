// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;

/**
 * What is counted of each feature of a range, labels and firings apart. In arrays over all
 * features: a batch meets thousands of them, and an object each would be a cache miss each.
 */
final class RangeCounts implements FeatureStates {
  private static final int POWERS = 4;

  private final long[] active;
  private final float[] max;

  /** The sum of power p of feature f at {@code f * POWERS + p - 1}. */
  private final FixedPointSums powerSums;

  private final ActivationHistograms histograms;

  RangeCounts(int features) {
    this.active = new long[features];
    this.max = new float[features];
    this.powerSums = new FixedPointSums(features * POWERS);
    this.histograms = new ActivationHistograms(features);
  }

  /** Counts one value above zero. */
  void addPositive(int feature, float activation) {
    active[feature]++;
    max[feature] = Math.max(max[feature], activation);
    histograms.add(feature, activation);
  }

  /** Adds one sequence's sums of the value's first four powers. */
  void addPowerSums(int feature, double sum1, double sum2, double sum3, double sum4) {
    int first = feature * POWERS;
    powerSums.add(first, sum1);
    powerSums.add(first + 1, sum2);
    powerSums.add(first + 2, sum3);
    powerSums.add(first + 3, sum4);
  }

  long active(int feature) {
    return active[feature];
  }

  float max(int feature) {
    return max[feature];
  }

  /** The sum of the value's {@code power}-th power over all tokens; NaN if it is out of range. */
  double powerSum(int feature, int power) {
    return powerSums.value(feature * POWERS + power - 1);
  }

  ActivationHistograms histograms() {
    return histograms;
  }

  @Override
  public int bytes(int feature) {
    return Long.BYTES + Float.BYTES + POWERS * FixedPointSums.BYTES + histograms.bytes(feature);
  }

  @Override
  public void writeTo(ByteBuffer out, int feature) {
    out.putLong(active[feature]).putFloat(max[feature]);
    for (int p = 0; p < POWERS; p++) {
      powerSums.writeTo(out, feature * POWERS + p);
    }
    histograms.writeTo(out, feature);
  }

  @Override
  public void readFrom(ByteBuffer in, int feature) {
    active[feature] = in.getLong();
    max[feature] = in.getFloat();
    for (int p = 0; p < POWERS; p++) {
      powerSums.readFrom(in, feature * POWERS + p);
    }
    histograms.readFrom(in, feature);
  }
}
