// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.stream.FeatureRange;

/** Told how far a feature range is. Called on stream threads; must not block. */
@FunctionalInterface
public interface TallyObserver {
  /**
   * A batch was added, or the range was restored.
   *
   * @param sae the autoencoder's id
   * @param batches how many batches the range has seen since the run began, restarts included
   * @param tokens how many tokens they hold
   */
  void reached(String sae, FeatureRange range, long batches, long tokens);

  /**
   * As {@link #reached}, of all features: what encoding has come to.
   *
   * @param statistics of the tokens that the range has seen
   */
  default void encoded(String sae, FeatureRange range, EncodingStatistics statistics) {}

  /**
   * The range's state is being saved.
   *
   * @param bytes what all of it takes, changed or not
   */
  default void saved(String sae, FeatureRange range, long bytes) {}

  /** Another process may have the range from now on. */
  default void left(String sae, FeatureRange range) {}
}
