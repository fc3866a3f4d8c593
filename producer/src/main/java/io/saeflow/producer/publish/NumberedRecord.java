// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.schemas.stream.StreamMessage;
import java.nio.ByteBuffer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** A message as a record, with its number as the key. */
public final class NumberedRecord {
  private NumberedRecord() {}

  /** The record for the partition, of so many, that the message's number chooses. */
  static ProducerRecord<byte[], byte[]> spread(
      String topic, int partitions, StreamMessage message) {
    return spread(topic, partitions, message, ActivationDtype.FLOAT32);
  }

  static ProducerRecord<byte[], byte[]> spread(
      String topic, int partitions, StreamMessage message, ActivationDtype dtype) {
    return of(topic, (int) (message.number() % partitions), message, dtype);
  }

  /** The record for one partition. */
  public static ProducerRecord<byte[], byte[]> of(
      String topic, int partition, StreamMessage message) {
    return of(topic, partition, message, ActivationDtype.FLOAT32);
  }

  private static ProducerRecord<byte[], byte[]> of(
      String topic, int partition, StreamMessage message, ActivationDtype dtype) {
    return new ProducerRecord<>(
        topic, partition, key(message.number()), ArrowMessages.encode(message, dtype));
  }

  /** Eight bytes, big-endian, as Kafka's serializer of long writes them. */
  static byte[] key(long number) {
    return ByteBuffer.allocate(Long.BYTES).putLong(number).array();
  }
}
