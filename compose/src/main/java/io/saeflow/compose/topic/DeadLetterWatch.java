// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import io.saeflow.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Looks for messages that were set aside: a bounded run that lacks one can never be complete. */
public final class DeadLetterWatch implements AutoCloseable {
  private final KafkaConsumer<byte[], byte[]> consumer;

  /**
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  public DeadLetterWatch(Map<String, Object> kafka, Topics topics) {
    Map<String, Object> config = new HashMap<>(kafka);
    config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    this.consumer = new KafkaConsumer<>(config);
    TopicPartition partition = new TopicPartition(topics.deadLetters(), 0);
    consumer.assign(List.of(partition));
    consumer.seekToBeginning(List.of(partition));
  }

  /** Waits at most {@code patience} for a message; says where it stood and why it is here. */
  public Optional<String> poll(Duration patience) {
    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(patience)) {
      return Optional.of(
          "%s-%s@%s: %s"
              .formatted(
                  header(record, "topic"),
                  header(record, "partition"),
                  header(record, "offset"),
                  header(record, "reason")));
    }
    return Optional.empty();
  }

  @Override
  public void close() {
    consumer.close();
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String key) {
    Header header = record.headers().lastHeader(key);
    return header == null ? "?" : new String(header.value(), StandardCharsets.UTF_8);
  }
}
