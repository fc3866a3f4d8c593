// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

/**
 * How many of an autoencoder's features are what. Features without a record count nowhere.
 *
 * @param alive fired above zero at least once
 * @param dead never fired, although tokens were counted
 * @param dense fired on more than a tenth of the tokens; these are alive too
 */
public record FeatureCounts(int alive, int dead, int dense) {
  /** Above this density a feature is dense. */
  private static final double DENSE = 0.1;

  static boolean isDead(long tokens, long active) {
    return tokens > 0 && active == 0;
  }

  static boolean isDense(long tokens, long active) {
    return active > DENSE * tokens;
  }
}
