// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** What the tokens topic holds already. */
final class HeldBatches {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Consumer<byte[], byte[]> consumer;
  private final String topic;

  HeldBatches(Consumer<byte[], byte[]> consumer, String topic) {
    this.consumer = consumer;
    this.topic = topic;
  }

  /**
   * For each partition how many batches it holds.
   *
   * @throws IllegalStateException if a partition's last record is not the batch that its place
   *     calls for: then the others may be missing
   */
  long[] count() {
    List<TopicPartition> partitions =
        consumer.partitionsFor(topic).stream()
            .map(info -> new TopicPartition(topic, info.partition()))
            .toList();
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
    Map<TopicPartition, Long> beginnings = consumer.beginningOffsets(partitions);
    long[] held = new long[partitions.size()];
    for (TopicPartition partition : partitions) {
      long end = ends.get(partition);
      held[partition.partition()] = end;
      if (end > beginnings.get(partition)) {
        requireBatch(partition, end - 1, (end - 1) * held.length + partition.partition());
      }
    }
    return held;
  }

  private void requireBatch(TopicPartition partition, long offset, long number) {
    byte @Nullable [] key = key(partition, offset);
    if (!Arrays.equals(key, NumberedRecord.key(number))) {
      throw new IllegalStateException(
          "%s@%d: key %s (expected: batch %d; the topic has another number of partitions than when it was written, lacks batches, or was written to by others)"
              .formatted(partition, offset, Arrays.toString(key), number));
    }
  }

  private byte @Nullable [] key(TopicPartition partition, long offset) {
    consumer.assign(List.of(partition));
    consumer.seek(partition, offset);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (System.nanoTime() < deadline) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
        return record.key();
      }
      if (consumer.position(partition) > offset) {
        // The mark of a transaction, such as the one that puts dead letters back.
        return null;
      }
    }
    throw new KafkaException("%s@%d: not readable in %s".formatted(partition, offset, PATIENCE));
  }
}
