// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.producer.publish.ActivationProducerConfig;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The topics and how many work on them.
 *
 * @param bootstrapServers {@code host:port,...}, or {@link #EMBEDDED}
 * @param partitions of the tokens and activations topics
 * @param featureRanges partitions of each latents and features topic; if empty, {@link
 *     #featureRangesFor} decides
 * @param threads of the Kafka Streams application
 * @param maxWaitingBatches the model waits while more than so many batches of activations in a
 *     partition are not encoded
 * @param keep what stays on its topics; the rest is deleted when every stage has it
 * @param metricsPort where metrics are served on loopback; if empty, nowhere. 0 takes any port
 * @param kafka client properties, passed through to every Kafka client
 */
public record StreamConfig(
    String bootstrapServers,
    int partitions,
    OptionalInt featureRanges,
    int threads,
    int maxWaitingBatches,
    Set<Kept> keep,
    OptionalInt metricsPort,
    Map<String, String> kafka) {
  /** Stands for a broker started inside the process. */
  public static final String EMBEDDED = "embedded";

  /** One process has one model; more partitions only help several. */
  public static final int DEFAULT_PARTITIONS = 1;

  /** As many shards as delphi's own caches have. */
  public static final int DEFAULT_FEATURE_RANGES = 5;

  /** At a batch of some megabytes, a few hundred megabytes of disk. */
  public static final int DEFAULT_MAX_WAITING_BATCHES =
      ActivationProducerConfig.DEFAULT_MAX_WAITING_BATCHES;

  public StreamConfig {
    if (bootstrapServers.isBlank()) {
      throw new BadInputException(
          "bootstrap-servers: '%s' (expected: host:port,... or %s)"
              .formatted(bootstrapServers, EMBEDDED));
    }
    Expectation.atLeast(1, "partitions", partitions);
    if (featureRanges.isPresent()) {
      Expectation.atLeast(1, "feature-ranges", featureRanges.getAsInt());
    }
    Expectation.atLeast(1, "stream-threads", threads);
    if (metricsPort.isPresent() && (metricsPort.getAsInt() < 0 || metricsPort.getAsInt() > 65535)) {
      throw new BadInputException(
          "metrics-port: %d (expected: 0 to 65535)".formatted(metricsPort.getAsInt()));
    }
    Expectation.atLeast(1, "max-waiting-batches", maxWaitingBatches);
    keep = Set.copyOf(keep);
    kafka = Map.copyOf(kafka);
    for (String key : kafka.keySet()) {
      if (key.isBlank()) {
        throw new BadInputException("kafka: '' (expected: a Kafka client property's name)");
      }
      if (key.equals("bootstrap.servers")) {
        throw new BadInputException(
            "kafka: bootstrap.servers (expected: the option bootstrap-servers)");
      }
    }
  }

  /** Whether the run brings its own broker. */
  public boolean embedded() {
    return bootstrapServers.equals(EMBEDDED);
  }

  /** The properties of every Kafka client that connects to {@code servers}. */
  public Map<String, Object> clients(String servers) {
    Map<String, Object> properties = new HashMap<>(kafka);
    properties.put("bootstrap.servers", servers);
    return properties;
  }

  /**
   * The number of feature ranges for an autoencoder of {@code latents} latents.
   *
   * @throws BadInputException if more were asked for than it has latents
   */
  public int featureRangesFor(int latents) {
    if (featureRanges.isEmpty()) {
      return Math.min(DEFAULT_FEATURE_RANGES, latents);
    }
    if (featureRanges.getAsInt() > latents) {
      throw new BadInputException(
          "feature-ranges: %d (expected: <= %d, the SAE's latents)"
              .formatted(featureRanges.getAsInt(), latents));
    }
    return featureRanges.getAsInt();
  }

  /** Half the cores: the model has most of the work. */
  public static int defaultThreads() {
    return Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
  }

  /** Without the values of {@link #kafka}, which may hold passwords. */
  @Override
  public String toString() {
    return "StreamConfig[bootstrapServers=%s, partitions=%d, featureRanges=%s, threads=%d, maxWaitingBatches=%d, keep=%s, metricsPort=%s, kafka=%s]"
        .formatted(
            bootstrapServers,
            partitions,
            featureRanges,
            threads,
            maxWaitingBatches,
            keep,
            metricsPort,
            kafka.keySet());
  }
}
