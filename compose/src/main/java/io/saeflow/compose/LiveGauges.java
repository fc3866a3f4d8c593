// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.role.CorpusFeed;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.processors.Processors;
import io.saeflow.producer.publish.ActivationProducer;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.sinks.Sinks;
import io.saeflow.sinks.view.FeatureCounts;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/** The stages of this process as a monitoring system sees them. */
record LiveGauges(
    CorpusFeed feed,
    ActivationProducer producer,
    Processors processors,
    Sinks sinks,
    Map<String, EncoderMeter> encoders)
    implements RunGauges {

  @Override
  public long fedTokens() {
    return feed.tokens();
  }

  /** What an earlier process ran through the model is at least what it had aggregated. */
  @Override
  public long modelledTokens() {
    return Math.max(aggregatedTokens(), processors.restoredTokens() + producer.tokens());
  }

  @Override
  public long aggregatedTokens() {
    return processors.aggregatedTokens();
  }

  @Override
  public long aggregatedBatches() {
    return processors.aggregatedBatches();
  }

  @Override
  public long deadLetters() {
    return producer.deadLetters();
  }

  @Override
  public long stateBytes() {
    return processors.stateBytes();
  }

  @Override
  public Map<String, EncodingStatistics> encodingStatistics() {
    return processors.encodingStatistics();
  }

  @Override
  public Map<String, FeatureCounts> features() {
    return sinks.featureCounts();
  }

  @Override
  public Map<MetricName, ? extends Metric> kafka() {
    Map<MetricName, Metric> metrics = new HashMap<>(producer.kafkaMetrics());
    metrics.putAll(processors.kafkaMetrics());
    return metrics;
  }
}
