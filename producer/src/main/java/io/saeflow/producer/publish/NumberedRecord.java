// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.schemas.stream.StreamMessage;
import java.nio.ByteBuffer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** A message as a record: its batch number is the key and chooses the partition. */
final class NumberedRecord {
  private NumberedRecord() {}

  static ProducerRecord<byte[], byte[]> of(String topic, int partitions, StreamMessage message) {
    return of(topic, partitions, message, ActivationDtype.FLOAT32);
  }

  static ProducerRecord<byte[], byte[]> of(
      String topic, int partitions, StreamMessage message, ActivationDtype dtype) {
    int partition = (int) (message.number() % partitions);
    return new ProducerRecord<>(
        topic, partition, key(message.number()), ArrowMessages.encode(message, dtype));
  }

  /** Eight bytes, big-endian, as Kafka's serializer of long writes them. */
  static byte[] key(long number) {
    return ByteBuffer.allocate(Long.BYTES).putLong(number).array();
  }
}
