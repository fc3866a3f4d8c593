// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongPredicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.internals.AutoOffsetResetStrategy;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** A topic that lives in a {@link MockConsumer}: all messages come with the first poll. */
public final class MockTopic {
  private final String topic;
  private final Map<Integer, Long> committed = new ConcurrentHashMap<>();
  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>(AutoOffsetResetStrategy.NONE.name()) {
        @Override
        public synchronized void commitSync(
            Map<TopicPartition, OffsetAndMetadata> offsets, Duration timeout) {
          super.commitSync(offsets, timeout);
          offsets.forEach((partition, to) -> committed.put(partition.partition(), to.offset()));
        }
      };
  private final Map<TopicPartition, Long> ends = new HashMap<>();

  public MockTopic(String topic, int partitions) {
    this.topic = topic;
    Map<TopicPartition, Long> beginnings = new HashMap<>();
    for (int p = 0; p < partitions; p++) {
      beginnings.put(new TopicPartition(topic, p), 0L);
      ends.put(new TopicPartition(topic, p), 0L);
    }
    consumer.updateBeginningOffsets(beginnings);
  }

  public MockTopic add(int partition, byte @Nullable [] value) {
    long offset = ends.merge(new TopicPartition(topic, partition), 1L, Long::sum) - 1;
    consumer.schedulePollTask(
        () -> consumer.addRecord(new ConsumerRecord<>(topic, partition, offset, null, value)));
    return this;
  }

  public MockConsumer<byte[], byte[]> consumer() {
    return consumer;
  }

  /** Makes one begin at {@code offset}, as if what is before had been deleted. */
  public MockTopic deleteBelow(int partition, long offset) {
    consumer.updateBeginningOffsets(Map.of(new TopicPartition(topic, partition), offset));
    return this;
  }

  /** The offsets that were committed last, by partition; when the reader has ended. */
  public Map<Integer, Long> committed() {
    return committed;
  }

  /** Starts reading it, until the contents are complete. */
  public TopicReader read(TopicContents contents) {
    return read(contents, sequences -> true);
  }

  /** Starts reading it, until the contents are complete with as many sequences as {@code last}. */
  public TopicReader read(TopicContents contents, LongPredicate last) {
    return read(
        contents,
        last,
        (message, reason) -> {
          throw new IllegalStateException("rejected: " + reason);
        });
  }

  public TopicReader read(TopicContents contents, LongPredicate last, RejectedMessages rejected) {
    return TopicReader.start(consumer, topic, ends.size(), contents, last, rejected);
  }
}
