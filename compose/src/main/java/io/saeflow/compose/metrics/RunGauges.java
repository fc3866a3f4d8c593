// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.metrics;

import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.sinks.view.FeatureCounts;
import java.util.Map;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/** Where the numbers of a run can be read while it goes. May be asked from any thread. */
public interface RunGauges {
  /** Tokens on the tokens topic. */
  long fedTokens();

  /** Tokens whose activations this process has committed. */
  long modelledTokens();

  /** Tokens that every feature range has counted, on average. */
  long aggregatedTokens();

  /** Batches that wait for the model, of {@code batchTokens} tokens each. */
  default long modelLag(long batchTokens) {
    return Math.max(0, (fedTokens() - modelledTokens() + batchTokens - 1) / batchTokens);
  }

  /** Batches that are through the model and wait to be aggregated. */
  default long featureLag(long batchTokens) {
    return Math.max(0, (modelledTokens() - aggregatedTokens() + batchTokens - 1) / batchTokens);
  }

  /** Batches that this process has aggregated, over all feature ranges. */
  long aggregatedBatches();

  /** Messages set aside. */
  long deadLetters();

  /** By autoencoder. */
  Map<String, EncoderMeter> encoders();

  /** Bytes of feature state that were last saved, over all feature ranges of this process. */
  long stateBytes();

  /**
   * Alive, dead and dense features by autoencoder; none where the sink {@code view} is not written.
   */
  Map<String, FeatureCounts> features();

  /** The stages' own Kafka metrics. */
  Map<MetricName, ? extends Metric> kafka();
}
