// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
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
 * How far a consumer group is behind on topics.
 *
 * <p>It counts records, transactions' markers among them, and takes the partition with the most.
 */
final class WaitingRecords implements Headroom {
  private static final Logger LOG = LoggerFactory.getLogger(WaitingRecords.class);

  /**
   * In ms. A cluster that takes longer is asked again; whoever closes the producer waits for it.
   */
  private static final int PATIENCE = Math.toIntExact(Duration.ofSeconds(3).toMillis());

  private final Admin admin;
  private final String group;
  private final List<String> topics;
  private final int most;
  private final List<TopicPartition> partitions = new ArrayList<>();

  /**
   * @param admin closed by this
   * @param group that is waited for
   * @param topics that it reads
   * @param most there is headroom as long as no more records than this wait in any partition
   */
  WaitingRecords(Admin admin, String group, List<String> topics, int most) {
    this.admin = admin;
    this.group = group;
    this.topics = List.copyOf(topics);
    this.most = most;
  }

  /**
   * Asks the cluster; none if it does not answer.
   *
   * @throws KafkaException if it refuses to
   */
  @Override
  public long batches() {
    try {
      return most + 1 - waiting();
    } catch (RetriableException e) {
      LOG.debug("{}: {}", group, e.getMessage());
      return 0;
    }
  }

  @Override
  public void close() {
    admin.close();
  }

  private long waiting() {
    if (partitions.isEmpty()) {
      Map<String, TopicDescription> described =
          await(
              admin
                  .describeTopics(topics, new DescribeTopicsOptions().timeoutMs(PATIENCE))
                  .allTopicNames());
      described.forEach(
          (topic, description) ->
              description
                  .partitions()
                  .forEach(info -> partitions.add(new TopicPartition(topic, info.partition()))));
    }
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    partitions.forEach(partition -> latest.put(partition, OffsetSpec.latest()));
    // Committed first: what is committed meanwhile makes it look as if more waited, never less.
    Map<TopicPartition, @Nullable OffsetAndMetadata> committed = committed();
    Map<TopicPartition, ListOffsetsResultInfo> ends =
        await(admin.listOffsets(latest, new ListOffsetsOptions().timeoutMs(PATIENCE)).all());
    long waiting = 0;
    for (TopicPartition partition : partitions) {
      OffsetAndMetadata from = committed.get(partition);
      waiting =
          Math.max(waiting, ends.get(partition).offset() - (from == null ? 0 : from.offset()));
    }
    return waiting;
  }

  private Map<TopicPartition, @Nullable OffsetAndMetadata> committed() {
    try {
      return await(
          admin
              .listConsumerGroupOffsets(
                  Map.of(group, new ListConsumerGroupOffsetsSpec().topicPartitions(partitions)),
                  new ListConsumerGroupOffsetsOptions().timeoutMs(PATIENCE))
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
