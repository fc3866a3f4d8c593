// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.retention;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes activations and latents that every stage has read, so that a run of any length needs a
 * bounded disk. It goes by committed offsets alone, never by age: what a group that is to read them
 * has not committed stays, and so does what the manifest keeps.
 *
 * <p>Several may work on one run. A broker frees the disk a segment at a time, when it next looks
 * ({@code log.retention.check.interval.ms}).
 */
public final class RecordRetention implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RecordRetention.class);
  private static final Duration INTERVAL = Duration.ofSeconds(3);

  private final Admin admin;
  private final Map<String, Set<String>> readers;
  private final Map<TopicPartition, Long> deletedBelow = new HashMap<>();
  private final CompletableFuture<Void> failure = new CompletableFuture<>();
  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread made = new Thread(task, "retention");
            made.setDaemon(true);
            return made;
          });

  private RecordRetention(Admin admin, Map<String, Set<String>> readers) {
    this.admin = admin;
    this.readers = readers;
  }

  /**
   * Starts deleting, on a thread of its own; the topics exist.
   *
   * @param kafka client settings, among them {@code bootstrap.servers}
   * @param manifest says who reads the run's topics and what is kept
   * @throws KafkaException if the settings are bad
   */
  public static RecordRetention start(
      Map<String, Object> kafka, Topics topics, RunManifest manifest) {
    RecordRetention started =
        new RecordRetention(Admin.create(new HashMap<>(kafka)), Readers.of(topics, manifest));
    Future<?> unused =
        started.thread.scheduleWithFixedDelay(
            started::deleteOrFail, INTERVAL.toMillis(), INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
    return started;
  }

  /** Fails if the cluster refuses; never completes otherwise. */
  public CompletableFuture<Void> failure() {
    return failure;
  }

  /** Stops; a deletion under way is not waited for. */
  @Override
  public void close() {
    thread.shutdownNow();
    admin.close(Duration.ZERO);
  }

  private void deleteOrFail() {
    try {
      delete();
    } catch (RetriableException e) {
      LOG.debug("retention: {}, trying again", e.getMessage());
    } catch (RuntimeException | Error e) {
      if (!thread.isShutdown()) {
        failure.completeExceptionally(e);
      }
      throw e; // ends the schedule
    }
  }

  private void delete() {
    if (readers.isEmpty()) {
      return;
    }
    Map<TopicPartition, RecordsToDelete> deletions = new HashMap<>();
    readBelow()
        .forEach(
            (partition, offset) -> {
              if (offset > deletedBelow.getOrDefault(partition, 0L)) {
                deletions.put(partition, RecordsToDelete.beforeOffset(offset));
              }
            });
    if (!deletions.isEmpty()) {
      await(admin.deleteRecords(deletions).all());
      deletions.forEach(
          (partition, records) -> deletedBelow.put(partition, records.beforeOffset()));
    }
  }

  /** For each partition the offset below which every reader is done. */
  private Map<TopicPartition, Long> readBelow() {
    Map<String, TopicDescription> described =
        await(admin.describeTopics(readers.keySet()).allTopicNames());
    Map<String, Map<TopicPartition, @Nullable OffsetAndMetadata>> committed = new HashMap<>();
    Set<String> groups = new HashSet<>();
    readers.values().forEach(groups::addAll);
    groups.forEach(group -> committed.put(group, committed(group)));
    Map<TopicPartition, Long> below = new HashMap<>();
    readers.forEach(
        (topic, topicsReaders) -> {
          int partitions = described.get(topic).partitions().size();
          for (int p = 0; p < partitions; p++) {
            TopicPartition partition = new TopicPartition(topic, p);
            long least = Long.MAX_VALUE;
            for (String group : topicsReaders) {
              OffsetAndMetadata offset = committed.get(group).get(partition);
              least = Math.min(least, offset == null ? 0 : offset.offset());
            }
            below.put(partition, least);
          }
        });
    return below;
  }

  private Map<TopicPartition, @Nullable OffsetAndMetadata> committed(String group) {
    try {
      return await(
          admin
              .listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec()))
              .partitionsToOffsetAndMetadata(group));
    } catch (GroupIdNotFoundException e) {
      return Map.of();
    }
  }

  private static <T> T await(KafkaFuture<T> future) {
    try {
      return future.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof KafkaException cause
          ? cause
          : new KafkaException(String.valueOf(e.getCause().getMessage()), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KafkaException("interrupted", e);
    }
  }
}
