// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.processors.aggregate.LabelField;
import io.saeflow.processors.encode.NonFinitePolicy;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What is kept of each feature beside its counts.
 *
 * @param top strongest sequences; may be 0
 * @param random uniformly sampled firings; may be 0
 * @param window tokens an example shows
 * @param seed of the sampling
 * @param labels fields of the documents to count by, each field once; may be empty
 * @param nonFinite what becomes of tokens with activations that are not finite
 */
public record StatisticsConfig(
    int top,
    int random,
    int window,
    long seed,
    List<LabelField> labels,
    NonFinitePolicy nonFinite) {
  /** Four of a viewer's first pages; each one more costs a window per feature. */
  public static final int DEFAULT_TOP = 20;

  /** As many as the strongest, for the same reason. */
  public static final int DEFAULT_RANDOM = 20;

  /** A few lines of text around a firing. */
  public static final int DEFAULT_WINDOW = 64;

  /** Any number will do, as long as it stays. */
  public static final long DEFAULT_SEED = 0;

  /** One damaged token does not stop a run; how many there were is said beside each record. */
  public static final NonFinitePolicy DEFAULT_NON_FINITE = NonFinitePolicy.SKIP;

  public StatisticsConfig {
    Expectation.atLeast(0, "top", top);
    Expectation.atLeast(0, "random", random);
    Expectation.atLeast(1, "window", window);
    labels = List.copyOf(labels);
    Set<String> fields = new HashSet<>();
    for (LabelField label : labels) {
      if (!fields.add(label.field())) {
        throw new BadInputException(
            "label: '%s' twice (expected: each field once)".formatted(label.field()));
      }
    }
  }
}
