// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import java.util.Arrays;

/**
 * What must be the same in all files about one autoencoder. What the first file says is kept; a
 * later one that says something else is unsound.
 */
final class FeatureFacts {
  private static final long UNKNOWN = -1;

  private final long[] active;
  private final float[] largest;
  private final long mostTokens;
  private String source = "";
  private long tokens = UNKNOWN;

  /**
   * @param mostTokens of the whole run
   */
  FeatureFacts(int latents, long mostTokens) {
    this.active = new long[latents];
    this.largest = new float[latents];
    this.mostTokens = mostTokens;
    Arrays.fill(active, UNKNOWN);
    Arrays.fill(largest, Float.NaN);
  }

  int latents() {
    return active.length;
  }

  /** Called before the files of a sink, which the facts may then come from. */
  void readingFrom(String sink) {
    if (source.isEmpty()) {
      source = sink;
    }
  }

  /** How many tokens the statistics are over: all, but for those that were not finite. */
  void tokens(long count) throws UnsoundFileException {
    require(
        count <= mostTokens,
        "statistics over %d tokens (expected: at most %d, the run's total)",
        count,
        mostTokens);
    require(
        tokens == UNKNOWN || tokens == count,
        "statistics over %d tokens (expected: %d, as in the files of %s)",
        count,
        tokens,
        source);
    tokens = count;
  }

  /** On how many tokens the feature is above zero. */
  void active(int latent, long count) throws UnsoundFileException {
    require(
        active[latent] == UNKNOWN || active[latent] == count,
        "latent %d above zero on %d tokens (expected: %d, as in the files of %s)",
        latent,
        count,
        active[latent],
        source);
    active[latent] = count;
  }

  /** The feature's largest activation; it fired. */
  void largest(int latent, float activation) throws UnsoundFileException {
    require(
        Float.isNaN(largest[latent]) || largest[latent] == activation,
        "largest activation %s (expected: %s, as in the files of %s)",
        activation,
        largest[latent],
        source);
    largest[latent] = activation;
  }

  /** On how many tokens the feature is above zero; -1 as long as no file has said. */
  long active(int latent) {
    return active[latent];
  }
}
