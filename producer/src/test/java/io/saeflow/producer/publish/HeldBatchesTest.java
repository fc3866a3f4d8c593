// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.internals.AutoOffsetResetStrategy;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class HeldBatchesTest {
  private static final String TOPIC = "run.tokens";
  private static final TopicPartition FIRST = new TopicPartition(TOPIC, 0);
  private static final TopicPartition SECOND = new TopicPartition(TOPIC, 1);

  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>(AutoOffsetResetStrategy.NONE.name());

  @Test
  void countsWhatEachPartitionHolds() {
    hold(Map.of(FIRST, 2L, SECOND, 1L), record(FIRST, 1, 2), record(SECOND, 0, 1));
    assertThat(new HeldBatches(consumer, TOPIC).count()).containsExactly(2, 1);
  }

  @Test
  void countsNothingOnANewTopic() {
    hold(Map.of(FIRST, 0L, SECOND, 0L));
    assertThat(new HeldBatches(consumer, TOPIC).count()).containsExactly(0, 0);
  }

  @Test
  void refusesATopicWithGaps() {
    hold(Map.of(FIRST, 2L, SECOND, 0L), record(FIRST, 1, 4));
    assertThatIllegalStateException()
        .isThrownBy(() -> new HeldBatches(consumer, TOPIC).count())
        .withMessageStartingWith(
            "run.tokens-0@1: key [0, 0, 0, 0, 0, 0, 0, 4] (expected: batch 2;");
  }

  @SafeVarargs
  private void hold(Map<TopicPartition, Long> ends, ConsumerRecord<byte[], byte[]>... lastRecords) {
    Node[] nodes = {};
    consumer.updatePartitions(
        TOPIC,
        List.of(
            new PartitionInfo(TOPIC, 0, null, nodes, nodes),
            new PartitionInfo(TOPIC, 1, null, nodes, nodes)));
    consumer.updateBeginningOffsets(Map.of(FIRST, 0L, SECOND, 0L));
    consumer.updateEndOffsets(ends);
    for (ConsumerRecord<byte[], byte[]> record : lastRecords) {
      consumer.schedulePollTask(() -> consumer.addRecord(record));
    }
  }

  private static ConsumerRecord<byte[], byte[]> record(
      TopicPartition partition, long offset, long batch) {
    return new ConsumerRecord<>(
        TOPIC, partition.partition(), offset, NumberedRecord.key(batch), new byte[0]);
  }
}
