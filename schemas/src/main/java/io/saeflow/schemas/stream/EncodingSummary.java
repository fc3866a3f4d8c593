// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import java.math.BigDecimal;
import java.math.BigInteger;

/**
 * What encoding found of all tokens of a batch and all latents, whatever the feature range: the
 * message of every range carries the same. Sums are of integers, so that those of a run do not
 * depend on where batches are cut or on their order.
 *
 * @param nonFiniteTokens how many tokens had a NaN or infinite activation; they have no latents and
 *     count in no statistic
 * @param nonZeros how many latents were not zero, over all tokens
 * @param reconstructedTokens how many tokens were decoded and compared with their activations; 0
 *     without a decoder
 * @param normalizedErrors the sum over these of {@code mean((decoded - x)^2) / mean(x^2)}, each
 *     rounded to a multiple of 2^-{@value #FRACTION_BITS}, in these units
 */
public record EncodingSummary(
    int nonFiniteTokens, long nonZeros, int reconstructedTokens, BigInteger normalizedErrors) {
  /** The unit of {@link #normalizedErrors()} is two to the minus this. */
  public static final int FRACTION_BITS = 40;

  private static final double LONG_LIMIT = 0x1p62;

  public EncodingSummary {
    if (nonFiniteTokens < 0 || nonZeros < 0 || reconstructedTokens < 0) {
      throw new IllegalArgumentException(
          "summary: %d non-finite tokens, %d non-zeros, %d reconstructed tokens (expected: none negative)"
              .formatted(nonFiniteTokens, nonZeros, reconstructedTokens));
    }
    if (normalizedErrors.signum() < 0
        || (reconstructedTokens == 0 && normalizedErrors.signum() != 0)) {
      throw new IllegalArgumentException(
          "normalised errors: %s for %d tokens (expected: none negative, 0 for none)"
              .formatted(normalizedErrors, reconstructedTokens));
    }
  }

  /** Of tokens that nothing was decoded for. */
  public static EncodingSummary withoutDecoder(int nonFiniteTokens, long nonZeros) {
    return new EncodingSummary(nonFiniteTokens, nonZeros, 0, BigInteger.ZERO);
  }

  /**
   * Of tokens that were decoded.
   *
   * @param normalizedErrors one a token; those that are NaN or infinite are left out
   */
  public static EncodingSummary of(int nonFiniteTokens, long nonZeros, double[] normalizedErrors) {
    int tokens = 0;
    BigInteger sum = BigInteger.ZERO;
    for (double error : normalizedErrors) {
      if (Double.isFinite(error)) {
        tokens++;
        sum = sum.add(units(error));
      }
    }
    return new EncodingSummary(nonFiniteTokens, nonZeros, tokens, sum);
  }

  /** {@link #normalizedErrors()}, or a sum of several, as a number. */
  public static double toNumber(BigInteger normalizedErrors) {
    return Math.scalb(normalizedErrors.doubleValue(), -FRACTION_BITS);
  }

  private static BigInteger units(double error) {
    double units = Math.rint(Math.scalb(error, FRACTION_BITS));
    return units < LONG_LIMIT
        ? BigInteger.valueOf((long) units)
        : new BigDecimal(units).toBigInteger();
  }
}
