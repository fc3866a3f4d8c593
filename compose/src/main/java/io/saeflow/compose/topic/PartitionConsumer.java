// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Consumers that look at one partition, outside any group. */
final class PartitionConsumer {
  private PartitionConsumer() {}

  /**
   * A consumer of committed messages that stands at the partition's beginning.
   *
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  static KafkaConsumer<byte[], byte[]> open(Map<String, Object> kafka, TopicPartition partition) {
    return open(kafka, partition, Map.of());
  }

  private static KafkaConsumer<byte[], byte[]> open(
      Map<String, Object> kafka, TopicPartition partition, Map<String, Object> group) {
    Map<String, Object> config = new HashMap<>(kafka);
    config.remove(ConsumerConfig.GROUP_ID_CONFIG);
    config.remove(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG);
    config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    config.putAll(group);
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(config) {
          /** At once: Kafka would wait for the answer to the last fetch, half a second. */
          @Override
          public void close() {
            close(CloseOptions.timeout(Duration.ZERO));
          }
        };
    consumer.assign(List.of(partition));
    consumer.seekToBeginning(List.of(partition));
    return consumer;
  }

  /**
   * The same, knowing what {@code group} has committed, without being its member.
   *
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  static KafkaConsumer<byte[], byte[]> open(
      Map<String, Object> kafka, TopicPartition partition, String group) {
    return open(kafka, partition, Map.of(ConsumerConfig.GROUP_ID_CONFIG, group));
  }
}
