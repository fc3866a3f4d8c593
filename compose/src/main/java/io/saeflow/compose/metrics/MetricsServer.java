// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.metrics;

import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.exporter.httpserver.HTTPServer;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.schemas.feature.EncodingStatistics;
import java.io.IOException;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.LongSupplier;
import java.util.function.ObjDoubleConsumer;
import java.util.function.ToDoubleFunction;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/**
 * Serves a run's metrics at {@code /metrics}, on loopback unless the environment names another
 * address: in a container, those who read them are outside.
 */
public final class MetricsServer implements AutoCloseable {
  /** Those of Kafka's hundreds that say whether a stage keeps up, by its name, then ours. */
  private static final List<KafkaNumber> KAFKA_GAUGES =
      List.of(
          new KafkaNumber(
              "stream-thread-metrics",
              "commit-latency-avg",
              "saeflow_commit_latency_seconds_mean",
              "Mean time of a stream thread's commits in the last half minute.",
              1e-3),
          new KafkaNumber(
              "stream-thread-metrics",
              "commit-latency-max",
              "saeflow_commit_latency_seconds_max",
              "Longest of a stream thread's commits in the last half minute.",
              1e-3),
          new KafkaNumber(
              "consumer-fetch-manager-metrics",
              "records-lag-max",
              "saeflow_consumer_lag_messages",
              "Messages that a consumer is behind, on its worst partition.",
              1));

  private static final List<KafkaNumber> KAFKA_COUNTERS =
      List.of(
          new KafkaNumber(
              "consumer-fetch-manager-metrics",
              "bytes-consumed-total",
              "saeflow_consumed_bytes_total",
              "Bytes of messages that a consumer has read.",
              1),
          new KafkaNumber(
              "producer-metrics",
              "outgoing-byte-total",
              "saeflow_produced_bytes_total",
              "Bytes that a producer has sent to the brokers.",
              1));

  private static final String HOST_VARIABLE = "SAEFLOW_METRICS_HOST";

  private final HTTPServer server;

  private MetricsServer(HTTPServer server) {
    this.server = server;
  }

  /**
   * Starts serving.
   *
   * @param port 0 for any that is free
   * @throws IOException if the port cannot be had
   */
  public static MetricsServer start(int port, RunGauges gauges) throws IOException {
    PrometheusRegistry registry = new PrometheusRegistry();
    register(registry, gauges);
    return new MetricsServer(
        HTTPServer.builder()
            .inetAddress(
                InetAddress.getByName(System.getenv().getOrDefault(HOST_VARIABLE, "127.0.0.1")))
            .port(port)
            .registry(registry)
            .buildAndStart());
  }

  /**
   * Starts serving and says where, unless there is no port.
   *
   * @return to be closed when nothing is to be served any more
   * @throws IOException if the port cannot be had
   */
  public static AutoCloseable startIfAsked(OptionalInt port, RunGauges gauges) throws IOException {
    if (port.isEmpty()) {
      return () -> {};
    }
    MetricsServer server = start(port.getAsInt(), gauges);
    System.err.println("metrics at http://127.0.0.1:%d/metrics".formatted(server.port()));
    return server;
  }

  /** The port that it serves on. */
  public int port() {
    return server.getPort();
  }

  @Override
  public void close() {
    server.close();
  }

  private static void register(PrometheusRegistry registry, RunGauges gauges) {
    CounterWithCallback.builder()
        .name("saeflow_tokens_total")
        .help("Tokens that have passed a stage.")
        .labelNames("stage")
        .callback(
            sample -> {
              sample.call((double) gauges.fedTokens(), "feed");
              sample.call((double) gauges.modelledTokens(), "model");
              sample.call((double) gauges.aggregatedTokens(), "aggregate");
            })
        .register(registry);
    counter(
        registry,
        "saeflow_aggregated_batches_total",
        "Batches aggregated, over all feature ranges.",
        gauges::aggregatedBatches);
    counter(registry, "saeflow_dead_letters_total", "Messages set aside.", gauges::deadLetters);
    encoder(
        registry,
        gauges,
        "saeflow_encoded_tokens_total",
        "Tokens encoded.",
        meter -> meter.tokens());
    encoder(
        registry,
        gauges,
        "saeflow_encode_seconds_total",
        "Seconds spent encoding, over all threads.",
        EncoderMeter::seconds);
    encoder(
        registry,
        gauges,
        "saeflow_rescored_candidates_total",
        "Latents decided by an exact dot product.",
        meter -> meter.candidates());
    encoder(
        registry,
        gauges,
        "saeflow_reference_tokens_total",
        "Tokens that scores could not bound, encoded by the reference.",
        meter -> meter.fallbacks());
    statistic(
        registry,
        gauges,
        "saeflow_l0",
        "Non-zero latents a token, of the tokens counted.",
        EncodingStatistics::l0);
    statistic(
        registry,
        gauges,
        "saeflow_normalized_mse",
        "Normalised mean squared error of the decoded latents, of the tokens counted.",
        EncodingStatistics::normalizedMse);
    GaugeWithCallback.builder()
        .name("saeflow_state_bytes")
        .help("Bytes of feature state as last saved.")
        .callback(sample -> sample.call((double) gauges.stateBytes()))
        .register(registry);
    GaugeWithCallback.builder()
        .name("saeflow_features")
        .help("Features that are alive, dead, and dense, by their latest records.")
        .labelNames("sae", "state")
        .callback(
            sample ->
                gauges
                    .features()
                    .forEach(
                        (sae, counts) -> {
                          sample.call(counts.alive(), sae, "alive");
                          sample.call(counts.dead(), sae, "dead");
                          sample.call(counts.dense(), sae, "dense");
                        }))
        .register(registry);
    for (KafkaNumber number : KAFKA_GAUGES) {
      GaugeWithCallback.builder()
          .name(number.name())
          .help(number.help())
          .labelNames("client")
          .callback(
              sample -> number.read(gauges.kafka(), (client, value) -> sample.call(value, client)))
          .register(registry);
    }
    for (KafkaNumber number : KAFKA_COUNTERS) {
      CounterWithCallback.builder()
          .name(number.name())
          .help(number.help())
          .labelNames("client")
          .callback(
              sample -> number.read(gauges.kafka(), (client, value) -> sample.call(value, client)))
          .register(registry);
    }
  }

  private static void counter(
      PrometheusRegistry registry, String name, String help, LongSupplier value) {
    CounterWithCallback.builder()
        .name(name)
        .help(help)
        .callback(sample -> sample.call((double) value.getAsLong()))
        .register(registry);
  }

  /** Nothing is said of what is not known. */
  private static void statistic(
      PrometheusRegistry registry,
      RunGauges gauges,
      String name,
      String help,
      ToDoubleFunction<EncodingStatistics> value) {
    GaugeWithCallback.builder()
        .name(name)
        .help(help)
        .labelNames("sae")
        .callback(
            sample ->
                gauges
                    .encodingStatistics()
                    .forEach(
                        (sae, statistics) -> {
                          double known = value.applyAsDouble(statistics);
                          if (!Double.isNaN(known)) {
                            sample.call(known, sae);
                          }
                        }))
        .register(registry);
  }

  private static void encoder(
      PrometheusRegistry registry,
      RunGauges gauges,
      String name,
      String help,
      ToDoubleFunction<EncoderMeter> value) {
    CounterWithCallback.builder()
        .name(name)
        .help(help)
        .labelNames("sae")
        .callback(
            sample ->
                gauges
                    .encoders()
                    .forEach((sae, meter) -> sample.call(value.applyAsDouble(meter), sae)))
        .register(registry);
  }

  private record KafkaNumber(
      String group, String kafkaName, String name, String help, double scale) {

    void read(Map<MetricName, ? extends Metric> kafka, ObjDoubleConsumer<String> clients) {
      kafka.forEach(
          (metric, number) -> {
            if (isIt(metric)
                && number.metricValue() instanceof Number value
                && Double.isFinite(value.doubleValue())) {
              clients.accept(client(metric), value.doubleValue() * scale);
            }
          });
    }

    /** Consumers report each number a second time for each topic and partition. */
    private boolean isIt(MetricName metric) {
      return metric.group().equals(group)
          && metric.name().equals(kafkaName)
          && !metric.tags().containsKey("topic");
    }

    private static String client(MetricName metric) {
      Map<String, String> tags = metric.tags();
      return tags.getOrDefault("client-id", tags.getOrDefault("thread-id", ""));
    }
  }
}
