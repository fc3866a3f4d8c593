// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.metrics;

import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.sinks.view.FeatureCounts;
import java.util.Map;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/**
 * Where the numbers of a run can be read while it goes. A process without a stage says zero, or
 * nothing, of it. May be asked from any thread.
 */
public interface RunGauges {
  /** Tokens on the tokens topic. */
  default long fedTokens() {
    return 0;
  }

  /** Tokens whose activations this process has committed. */
  default long modelledTokens() {
    return 0;
  }

  /** Tokens that every feature range has counted, on average. */
  default long aggregatedTokens() {
    return 0;
  }

  /** Batches that wait for the model, of {@code batchTokens} tokens each. */
  default long modelLag(long batchTokens) {
    return Math.max(0, (fedTokens() - modelledTokens() + batchTokens - 1) / batchTokens);
  }

  /** Batches that are through the model and wait to be aggregated. */
  default long featureLag(long batchTokens) {
    return Math.max(0, (modelledTokens() - aggregatedTokens() + batchTokens - 1) / batchTokens);
  }

  /** Batches that this process has aggregated, over all feature ranges. */
  default long aggregatedBatches() {
    return 0;
  }

  /** Messages set aside. */
  default long deadLetters() {
    return 0;
  }

  /** By autoencoder. */
  default Map<String, EncoderMeter> encoders() {
    return Map.of();
  }

  /**
   * What encoding has come to, by autoencoder: exact, as of the tokens that were counted, which is
   * what an aggregator has counted now, or the records that a sink has read say.
   */
  default Map<String, EncodingStatistics> encodingStatistics() {
    return Map.of();
  }

  /** Bytes of feature state that were last saved, over all feature ranges of this process. */
  default long stateBytes() {
    return 0;
  }

  /**
   * Alive, dead and dense features by autoencoder; none where the sink {@code view} is not written.
   */
  default Map<String, FeatureCounts> features() {
    return Map.of();
  }

  /** The stages' own Kafka metrics. */
  default Map<MetricName, ? extends Metric> kafka() {
    return Map.of();
  }
}
