// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.sinks.view.FeatureCounts;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.metrics.stats.Value;
import org.junit.jupiter.api.Test;

class MetricsServerTest {
  @Test
  void everyNumberIsServedUnderItsName() throws Exception {
    try (Metrics kafka = new Metrics();
        MetricsServer server = MetricsServer.start(0, new Fixed(kafka))) {
      var latency = kafka.sensor("commit");
      latency.add(
          kafka.metricName(
              "commit-latency-avg", "stream-thread-metrics", Map.of("thread-id", "encode-1")),
          new Value());
      latency.record(250);
      var partition = kafka.sensor("lag");
      partition.add(
          kafka.metricName(
              "records-lag-max",
              "consumer-fetch-manager-metrics",
              Map.of("client-id", "c", "topic", "t")),
          new Value());
      partition.record(3);

      var sent = kafka.sensor("sent");
      sent.add(
          kafka.metricName("outgoing-byte-total", "producer-metrics", Map.of("client-id", "p")),
          new Value());
      sent.record(700);
      var read = kafka.sensor("read");
      read.add(
          kafka.metricName(
              "bytes-consumed-total", "consumer-fetch-manager-metrics", Map.of("client-id", "c")),
          new Value());
      read.record(600);

      String body = get(server);
      assertThat(body.lines())
          .contains(
              "saeflow_tokens_total{stage=\"feed\"} 30.0",
              "saeflow_tokens_total{stage=\"model\"} 20.0",
              "saeflow_tokens_total{stage=\"aggregate\"} 10.0",
              "saeflow_aggregated_batches_total 5.0",
              "saeflow_dead_letters_total 1.0",
              "saeflow_encoded_tokens_total{sae=\"demo\"} 0.0",
              "saeflow_state_bytes 4096.0",
              "saeflow_l0{sae=\"demo\"} 2.5",
              "saeflow_l0{sae=\"encoder-only\"} 3.0",
              "saeflow_normalized_mse{sae=\"demo\"} 0.125",
              "saeflow_features{sae=\"demo\",state=\"alive\"} 7.0",
              "saeflow_features{sae=\"demo\",state=\"dead\"} 2.0",
              "saeflow_features{sae=\"demo\",state=\"dense\"} 3.0",
              "saeflow_produced_bytes_total{client=\"p\"} 700.0",
              "saeflow_consumed_bytes_total{client=\"c\"} 600.0",
              "saeflow_commit_latency_seconds_mean{client=\"encode-1\"} 0.25");
      assertThat(body).doesNotContain("saeflow_normalized_mse{sae=\"encoder-only\"}");
      assertThat(body).doesNotContain("saeflow_consumer_lag_messages{client=\"c\"}");
    }
  }

  private static String get(MetricsServer server) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:%d/metrics".formatted(server.port())))
            .timeout(Duration.ofMinutes(1))
            .build();
    HttpResponse<String> response =
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).isEqualTo(200);
    return response.body();
  }

  private record Fixed(Metrics metrics) implements RunGauges {
    @Override
    public long fedTokens() {
      return 30;
    }

    @Override
    public long modelledTokens() {
      return 20;
    }

    @Override
    public long aggregatedTokens() {
      return 10;
    }

    @Override
    public long aggregatedBatches() {
      return 5;
    }

    @Override
    public long deadLetters() {
      return 1;
    }

    @Override
    public Map<String, EncoderMeter> encoders() {
      return Map.of("demo", new EncoderMeter());
    }

    @Override
    public long stateBytes() {
      return 4096;
    }

    @Override
    public Map<String, EncodingStatistics> encodingStatistics() {
      return Map.of(
          "demo", new EncodingStatistics(10, 1, 25, 8, 1),
          "encoder-only", new EncodingStatistics(10, 1, 30, 0, 0));
    }

    @Override
    public Map<String, FeatureCounts> features() {
      return Map.of("demo", new FeatureCounts(7, 2, 3));
    }

    @Override
    public Map<MetricName, ? extends Metric> kafka() {
      return metrics.metrics();
    }
  }
}
