// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import org.jspecify.annotations.Nullable;

/**
 * What encoding with one autoencoder has come to, over all its features. Every feature's record
 * carries these sums, which are the same in all records of as many sequences.
 *
 * @param tokens N: tokens counted, without those whose activations were not finite
 * @param nonFiniteTokens those
 * @param nonZeros how many latents were not zero, over all features and tokens
 * @param reconstructedTokens tokens that were decoded and compared with their activations
 * @param normalizedErrors sum over these of {@code mean((decoded - x)^2) / mean(x^2)}
 */
public record EncodingStatistics(
    long tokens,
    long nonFiniteTokens,
    long nonZeros,
    long reconstructedTokens,
    double normalizedErrors) {
  /** Of no tokens. */
  public static final EncodingStatistics NONE = new EncodingStatistics(0, 0, 0, 0, 0);

  /** Those that a feature's record carries. */
  public static EncodingStatistics of(FeatureRecord record) {
    return new EncodingStatistics(
        record.getTokens(),
        record.getNonFiniteTokens(),
        record.getNonZeros(),
        record.getReconstructedTokens(),
        record.getNormalizedErrors());
  }

  /** How many tokens they are of, those that were not finite included. */
  public long allTokens() {
    return tokens + nonFiniteTokens;
  }

  /** Of this and another, the one of more tokens; this one of equals. */
  public EncodingStatistics latest(EncodingStatistics other) {
    return other.allTokens() > allTokens() ? other : this;
  }

  /** Non-zero latents a token; NaN without tokens. */
  public double l0() {
    return tokens == 0 ? Double.NaN : (double) nonZeros / tokens;
  }

  /** The normalised mean squared error, the mean over tokens; NaN if none was reconstructed. */
  public double normalizedMse() {
    return reconstructedTokens == 0 ? Double.NaN : normalizedErrors / reconstructedTokens;
  }

  /** For the manifest. */
  public SaeStatistics toManifest() {
    return new SaeStatistics(
        tokens, nonFiniteTokens, orNull(l0()), reconstructedTokens, orNull(normalizedMse()));
  }

  private static @Nullable Double orNull(double value) {
    return Double.isNaN(value) ? null : value;
  }
}
