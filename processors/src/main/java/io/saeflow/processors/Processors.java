// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors;

import io.saeflow.processors.aggregate.AggregateStage;
import io.saeflow.processors.aggregate.AggregateTopology;
import io.saeflow.processors.aggregate.TallyConfig;
import io.saeflow.processors.aggregate.TallyObserver;
import io.saeflow.processors.encode.EncodeStage;
import io.saeflow.processors.encode.EncodeTopology;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.stream.FeatureRange;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * The stages of a run in this process, each a Kafka Streams application of its own with {@code
 * exactly_once_v2}: encoding commits often and keeps nothing, aggregating commits rarely and saves
 * its state. A run that encodes elsewhere has only the second.
 */
public final class Processors implements AutoCloseable {
  /** Aggregation can only see what encoding has committed. */
  private static final Duration ENCODE_COMMIT_INTERVAL = Duration.ofMillis(500);

  /** Each commit saves the counts of every feature that changed, which is most of them. */
  private static final Duration AGGREGATE_COMMIT_INTERVAL = Duration.ofSeconds(10);

  /**
   * The broker's largest by default. A transaction lasts as long as a thread's round over its
   * tasks, and a commit that saves and emits every feature of a large autoencoder takes minutes;
   * one that is cut off is done again for ever. A restarted process fences its predecessor without
   * it.
   */
  private static final Duration TRANSACTION_TIMEOUT = Duration.ofMinutes(15);

  /** Likewise for a round without a poll; a dead process is noticed by its missing heartbeats. */
  private static final Duration MAX_POLL_INTERVAL = Duration.ofHours(1);

  /** State is restored from many small records. */
  private static final int RESTORED_RECORDS = 2000;

  /** Sent at once to a partition; a feature record takes some ten kilobytes. */
  private static final int BATCH_BYTES = 1 << 20;

  private final CompletableFuture<Void> failure = new CompletableFuture<>();
  private final Map<RangeOfSae, Long> tokensByRange = new ConcurrentHashMap<>();
  private final Map<RangeOfSae, Long> restoredByRange = new ConcurrentHashMap<>();
  private final Map<RangeOfSae, Long> batchesByRange = new ConcurrentHashMap<>();
  private final Map<RangeOfSae, Long> bytesByRange = new ConcurrentHashMap<>();
  private final Map<RangeOfSae, EncodingStatistics> statisticsByRange = new ConcurrentHashMap<>();
  private final int ranges;
  private final List<KafkaStreams> applications = new ArrayList<>();

  private Processors(
      ProcessorsConfig config,
      Topics topics,
      int generation,
      List<EncodeStage> encodeStages,
      List<AggregateStage> aggregateStages,
      TallyConfig tally) {
    this.ranges = aggregateStages.stream().mapToInt(AggregateStage::ranges).sum();
    if (!encodeStages.isEmpty()) {
      applications.add(
          streams(
              EncodeTopology.build(topics, encodeStages),
              config,
              topics.encodeGroup(generation),
              ENCODE_COMMIT_INTERVAL));
    }
    applications.add(
        streams(
            AggregateTopology.build(topics, aggregateStages, tally, new Noted()),
            config,
            topics.aggregateGroup(generation),
            AGGREGATE_COMMIT_INTERVAL));
  }

  /**
   * Starts the stages; the topics must exist.
   *
   * @param generation that the autoencoders have in their run; each has applications of its own,
   *     since one that joins later reads the activations from their beginning
   * @param encodeStages none if latents come from elsewhere
   */
  public static Processors start(
      ProcessorsConfig config,
      Topics topics,
      int generation,
      List<EncodeStage> encodeStages,
      List<AggregateStage> aggregateStages,
      TallyConfig tally) {
    Processors processors =
        new Processors(config, topics, generation, encodeStages, aggregateStages, tally);
    boolean started = false;
    try {
      processors.applications.forEach(KafkaStreams::start);
      started = true;
      return processors;
    } finally {
      if (!started) {
        processors.close();
      }
    }
  }

  /** Fails when a stage cannot go on; never completes otherwise. */
  public CompletableFuture<Void> failure() {
    return failure;
  }

  /** Tokens aggregated so far, restarts included: the mean over all feature ranges. */
  public long aggregatedTokens() {
    return mean(tokensByRange);
  }

  /** Those of them that an earlier process had done. */
  public long restoredTokens() {
    return mean(restoredByRange);
  }

  /** Batches aggregated so far, restarts included, added up over feature ranges. */
  public long aggregatedBatches() {
    return sum(batchesByRange);
  }

  /** Bytes of feature state as last saved, over all feature ranges. */
  public long stateBytes() {
    return sum(bytesByRange);
  }

  /**
   * What encoding has come to, by autoencoder: as the feature range of this process says that has
   * seen most tokens.
   */
  public Map<String, EncodingStatistics> encodingStatistics() {
    Map<String, EncodingStatistics> statistics = new TreeMap<>();
    statisticsByRange.forEach(
        (range, found) -> statistics.merge(range.sae(), found, EncodingStatistics::latest));
    return statistics;
  }

  /** Kafka's own metrics of the stages. */
  public Map<MetricName, Metric> kafkaMetrics() {
    Map<MetricName, Metric> metrics = new HashMap<>();
    applications.forEach(application -> metrics.putAll(application.metrics()));
    return metrics;
  }

  private long mean(Map<RangeOfSae, Long> tokens) {
    return sum(tokens) / ranges;
  }

  private static long sum(Map<RangeOfSae, Long> numbers) {
    return numbers.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Finishes the batch under way, commits what is done, and stops. */
  @Override
  public void close() {
    CloseOptions options =
        CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP);
    applications.forEach(application -> application.close(options));
  }

  private final class Noted implements TallyObserver {
    @Override
    public void reached(String sae, FeatureRange range, long batches, long tokens) {
      RangeOfSae key = new RangeOfSae(sae, range);
      restoredByRange.putIfAbsent(key, tokens);
      tokensByRange.put(key, tokens);
      batchesByRange.put(key, batches);
    }

    @Override
    public void encoded(String sae, FeatureRange range, EncodingStatistics statistics) {
      statisticsByRange.put(new RangeOfSae(sae, range), statistics);
    }

    @Override
    public void left(String sae, FeatureRange range) {
      RangeOfSae key = new RangeOfSae(sae, range);
      List.of(restoredByRange, tokensByRange, batchesByRange, bytesByRange, statisticsByRange)
          .forEach(numbers -> numbers.remove(key));
    }

    @Override
    public void saved(String sae, FeatureRange range, long bytes) {
      bytesByRange.put(new RangeOfSae(sae, range), bytes);
    }
  }

  private KafkaStreams streams(
      Topology topology, ProcessorsConfig config, String application, Duration commitInterval) {
    Properties properties = new Properties();
    properties.putAll(properties(config, application, commitInterval));
    KafkaStreams streams = new KafkaStreams(topology, properties);
    streams.setUncaughtExceptionHandler(
        error -> {
          failure.completeExceptionally(error);
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    return streams;
  }

  private static Map<String, Object> properties(
      ProcessorsConfig config, String application, Duration commitInterval) {
    Map<String, Object> properties = new HashMap<>();
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, config.stateDirectory().toString());
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commitInterval.toMillis());
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, config.threads());
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    properties.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, config.bufferedMessages());
    properties.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
    // With a name of its own a restarted process gets its tasks back at once, rather than after its
    // dead predecessor's session has run out.
    putForConsumer(properties, ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, config.instance());
    putForConsumer(properties, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    putForConsumer(properties, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, config.bufferedMessages());
    putForConsumer(
        properties,
        ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG,
        Math.toIntExact(MAX_POLL_INTERVAL.toMillis()));
    properties.put(
        StreamsConfig.restoreConsumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG),
        RESTORED_RECORDS);
    putForConsumer(
        properties, ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, Topics.MAX_REQUEST_BYTES);
    putForConsumer(properties, ConsumerConfig.FETCH_MAX_BYTES_CONFIG, Topics.MAX_REQUEST_BYTES);
    putForProducer(properties, ProducerConfig.MAX_REQUEST_SIZE_CONFIG, Topics.MAX_REQUEST_BYTES);
    putForProducer(properties, ProducerConfig.BUFFER_MEMORY_CONFIG, 2L * Topics.MAX_REQUEST_BYTES);
    // Records and state come in bursts of hundreds of megabytes, most of it zeros and tokens.
    putForProducer(properties, ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    putForProducer(properties, ProducerConfig.BATCH_SIZE_CONFIG, BATCH_BYTES);
    putForProducer(
        properties,
        ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
        Math.toIntExact(TRANSACTION_TIMEOUT.toMillis()));
    properties.putAll(config.kafka());
    return properties;
  }

  private static void putForConsumer(Map<String, Object> properties, String key, Object value) {
    properties.put(StreamsConfig.consumerPrefix(key), value);
  }

  private static void putForProducer(Map<String, Object> properties, String key, Object value) {
    properties.put(StreamsConfig.producerPrefix(key), value);
  }

  private record RangeOfSae(String sae, FeatureRange range) {}
}
