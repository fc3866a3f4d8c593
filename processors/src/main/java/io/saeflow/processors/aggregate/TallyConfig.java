// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.util.List;

/**
 * What to keep of each feature.
 *
 * @param top how many sequences where it fires most
 * @param random how many firings, sampled uniformly
 * @param window tokens kept around a firing; a shorter sequence is kept whole
 * @param seed of the random sample
 * @param labels by whose values to count
 */
public record TallyConfig(int top, int random, int window, long seed, List<LabelField> labels) {
  public TallyConfig {
    labels = List.copyOf(labels);
    if (top < 0 || random < 0) {
      throw new IllegalArgumentException(
          "top: %d, random: %d (expected: >= 0)".formatted(top, random));
    }
    if (window < 1) {
      throw new IllegalArgumentException("window: %d (expected: >= 1)".formatted(window));
    }
  }
}
