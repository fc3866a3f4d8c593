// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

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
 * @param maxWaitingBatches the model waits while more than so many batches in a partition wait for
 *     the next stage; if empty, {@link EncodeAt#defaultMaxWaitingBatches} decides
 * @param encodeAt who encodes activations
 * @param keep what stays on its topics; the rest is deleted when every stage has it
 * @param metricsPort where metrics are served on loopback; if empty, nowhere. 0 takes any port
 * @param kafka client properties, passed through to every Kafka client
 */
public record StreamConfig(
    String bootstrapServers,
    int partitions,
    OptionalInt featureRanges,
    int threads,
    OptionalInt maxWaitingBatches,
    EncodeAt encodeAt,
    Set<Kept> keep,
    OptionalInt metricsPort,
    Map<String, String> kafka) {
  /** Stands for a broker started inside the process. */
  public static final String EMBEDDED = "embedded";

  /** One process has one model; more partitions only help several. */
  public static final int DEFAULT_PARTITIONS = 1;

  /** As many shards as delphi's own caches have. */
  public static final int DEFAULT_FEATURE_RANGES = 5;

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
    maxWaitingBatches.ifPresent(most -> Expectation.atLeast(1, "max-waiting-batches", most));
    keep = Set.copyOf(keep);
    if (encodeAt == EncodeAt.PRODUCER && keep.contains(Kept.ACTIVATIONS)) {
      throw new BadInputException(
          "keep: activations (expected: not with encode-at producer, which publishes none)");
    }
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
    return "StreamConfig[bootstrapServers=%s, partitions=%d, featureRanges=%s, threads=%d, maxWaitingBatches=%s, encodeAt=%s, keep=%s, metricsPort=%s, kafka=%s]"
        .formatted(
            bootstrapServers,
            partitions,
            featureRanges,
            threads,
            maxWaitingBatches,
            encodeAt,
            keep,
            metricsPort,
            kafka.keySet());
  }
}
