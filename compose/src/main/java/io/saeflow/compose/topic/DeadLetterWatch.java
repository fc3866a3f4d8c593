// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/** Looks for messages that were set aside: a bounded run that lacks one can never be complete. */
public final class DeadLetterWatch implements AutoCloseable {
  private final KafkaConsumer<byte[], byte[]> consumer;

  /**
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  public DeadLetterWatch(Map<String, Object> kafka, Topics topics) {
    this.consumer = PartitionConsumer.open(kafka, new TopicPartition(topics.deadLetters(), 0));
  }

  /** Waits at most {@code patience} for a message; says where it stood and why it is here. */
  public Optional<String> poll(Duration patience) {
    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(patience)) {
      return Optional.of(DeadLetterHeaders.describe(name -> value(record, name)));
    }
    return Optional.empty();
  }

  @Override
  public void close() {
    consumer.close();
  }

  private static byte @Nullable [] value(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? null : header.value();
  }
}
