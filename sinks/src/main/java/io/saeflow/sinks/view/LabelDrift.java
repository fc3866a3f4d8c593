// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import java.util.List;
import java.util.Optional;

/**
 * Between which two values of a label a feature's density differs most.
 *
 * <p>A value with few tokens says little, so each density is first drawn towards the feature's
 * density over all values, as if the feature had fired five more times there at that density. The
 * score is the base-2 logarithm of the highest such density over the lowest: 1 is a doubling.
 *
 * @param field the label's field
 * @param score at least 0
 * @param low where the feature is least dense
 * @param high where it is densest
 */
record LabelDrift(String field, double score, ValueDensity low, ValueDensity high) {
  /**
   * A label value, and the share of its tokens on which the feature fired.
   *
   * @param density as counted, not drawn towards anything
   */
  record ValueDensity(String value, double density) {}

  /** Firings that are added to each value, to judge it. */
  private static final double PRIOR_FIRINGS = 5;

  /** Under which the values are counted that are too many to keep apart. */
  private static final String OTHER = "…other";

  /**
   * The drift over one field, the first of equal values.
   *
   * @param active for each value, tokens on which the feature fired
   * @param tokens for each value, tokens in all
   * @return empty if the feature never fired, or fewer than two values have tokens
   */
  static Optional<LabelDrift> of(String field, List<String> values, long[] active, long[] tokens) {
    long allActive = 0;
    long allTokens = 0;
    int comparable = 0;
    for (int v = 0; v < values.size(); v++) {
      if (isComparable(values.get(v), tokens[v])) {
        allActive += active[v];
        allTokens += tokens[v];
        comparable++;
      }
    }
    if (comparable < 2 || allActive == 0) {
      return Optional.empty();
    }
    double priorTokens = PRIOR_FIRINGS * allTokens / allActive;
    int low = -1;
    int high = -1;
    double lowest = Double.POSITIVE_INFINITY;
    double highest = Double.NEGATIVE_INFINITY;
    for (int v = 0; v < values.size(); v++) {
      if (isComparable(values.get(v), tokens[v])) {
        double drawn = (active[v] + PRIOR_FIRINGS) / (tokens[v] + priorTokens);
        if (drawn < lowest) {
          lowest = drawn;
          low = v;
        }
        if (drawn > highest) {
          highest = drawn;
          high = v;
        }
      }
    }
    return Optional.of(
        new LabelDrift(
            field,
            Math.log(highest / lowest) / Math.log(2),
            density(values, active, tokens, low),
            density(values, active, tokens, high)));
  }

  private static boolean isComparable(String value, long tokens) {
    return tokens > 0 && !value.equals(OTHER);
  }

  private static ValueDensity density(List<String> values, long[] active, long[] tokens, int v) {
    return new ValueDensity(values.get(v), (double) active[v] / tokens[v]);
  }
}
