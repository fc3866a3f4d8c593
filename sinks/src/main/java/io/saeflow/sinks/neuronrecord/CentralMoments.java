// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.neuronrecord;

import io.saeflow.schemas.feature.FeatureRecord;

/**
 * A feature's moments over all tokens, about its mean. NaN where undefined.
 *
 * @param mean E[a]
 * @param variance E[(a - mean)²]
 * @param skewness E[(a - mean)³] / variance^1.5
 * @param kurtosis E[(a - mean)⁴] / variance²: 3 for a normal distribution
 */
record CentralMoments(double mean, double variance, double skewness, double kurtosis) {
  /**
   * Below this share of E[a²] the variance is small against the mean, and the rounding of the power
   * sums would show in the third and fourth moment.
   */
  private static final double LEAST_RELATIVE_VARIANCE = 1e-6;

  static CentralMoments of(FeatureRecord record) {
    double tokens = record.getTokens();
    double m1 = record.getSum1() / tokens;
    double m2 = record.getSum2() / tokens;
    double m3 = record.getSum3() / tokens;
    double m4 = record.getSum4() / tokens;
    double square = m1 * m1;
    double variance = m2 - square;
    if (variance < 0) {
      variance = 0; // the power sums are rounded
    }
    double skewness = Double.NaN;
    double kurtosis = Double.NaN;
    if (variance > LEAST_RELATIVE_VARIANCE * m2) {
      skewness = (m3 - 3 * m1 * m2 + 2 * m1 * square) / Math.pow(variance, 1.5);
      kurtosis = (m4 - 4 * m1 * m3 + 6 * square * m2 - 3 * square * square) / (variance * variance);
    }
    return new CentralMoments(m1, variance, skewness, kurtosis);
  }
}
