// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;

/** What is counted of one feature. */
final class FeatureTally {
  private static final int POWERS = 4;

  private long active;
  private float max;
  private final FixedPointSum[] sums = new FixedPointSum[POWERS];
  private final ActivationHistogram histogram = new ActivationHistogram();
  private final SparseCounts labels = new SparseCounts();
  private final FiringSelection top;
  private final FiringSelection random;

  /**
   * @param top how many sequences to keep, strongest first
   * @param random how many firings to sample
   */
  FeatureTally(int top, int random) {
    this.top = new FiringSelection(top, FiringSelection.STRONGEST);
    this.random = new FiringSelection(random, FiringSelection.RANDOM);
    for (int p = 0; p < POWERS; p++) {
      sums[p] = new FixedPointSum();
    }
  }

  /** Counts one value above zero. */
  void addPositive(float activation) {
    active++;
    max = Math.max(max, activation);
    histogram.add(activation);
  }

  /** Adds one sequence's sums of the value's first four powers. */
  void addPowerSums(double sum1, double sum2, double sum3, double sum4) {
    sums[0].add(sum1);
    sums[1].add(sum2);
    sums[2].add(sum3);
    sums[3].add(sum4);
  }

  long active() {
    return active;
  }

  float max() {
    return max;
  }

  /** The sum of the value's {@code power}-th power over all tokens; NaN if it is out of range. */
  double powerSum(int power) {
    return sums[power - 1].value();
  }

  ActivationHistogram histogram() {
    return histogram;
  }

  /** Active tokens by the id of a label value. */
  SparseCounts labels() {
    return labels;
  }

  FiringSelection top() {
    return top;
  }

  FiringSelection random() {
    return random;
  }

  /** How many bytes {@link #countsToBytes} gives. */
  int countsBytes() {
    return Long.BYTES + Float.BYTES + POWERS * FixedPointSum.BYTES + histogram.bytes();
  }

  /** The numbers without labels and firings, which are saved by themselves. */
  byte[] countsToBytes() {
    ByteBuffer out = ByteBuffer.allocate(countsBytes());
    out.putLong(active).putFloat(max);
    for (FixedPointSum sum : sums) {
      sum.writeTo(out);
    }
    histogram.writeTo(out);
    return out.array();
  }

  void countsFromBytes(ByteBuffer in) {
    active = in.getLong();
    max = in.getFloat();
    for (FixedPointSum sum : sums) {
      sum.readFrom(in);
    }
    histogram.readFrom(in);
  }
}
