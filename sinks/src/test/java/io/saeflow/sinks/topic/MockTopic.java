// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.internals.AutoOffsetResetStrategy;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** A topic that lives in a {@link MockConsumer}: all messages come with the first poll. */
public final class MockTopic {
  private final String topic;
  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>(AutoOffsetResetStrategy.NONE.name());
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

  /** Starts reading it. */
  public TopicReader read(TopicContents contents) {
    return TopicReader.start(consumer, topic, ends.size(), contents);
  }
}
