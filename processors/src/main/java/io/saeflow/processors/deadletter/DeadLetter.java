// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.deadletter;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/** A message that a stage could not use: set aside as it is, in the stage's own transaction. */
public final class DeadLetter {
  private DeadLetter() {}

  /** Gives {@code processor} the child that {@link #forward} sends to. */
  public static void addSink(Topology topology, Topics topics, String processor) {
    topology.addSink(
        childOf(processor),
        topics.deadLetters(),
        new ByteArraySerializer(),
        new ByteArraySerializer(),
        processor);
  }

  /** Sets {@code record} aside, with {@link DeadLetterHeaders} beside its own. */
  public static void forward(
      ProcessorContext<Object, Object> context,
      String processor,
      Record<byte[], byte[]> record,
      String reason) {
    Headers headers = new RecordHeaders(record.headers());
    RecordMetadata from = context.recordMetadata().orElseThrow();
    DeadLetterHeaders.of(from.topic(), from.partition(), from.offset(), reason)
        .forEach(headers::add);
    context.forward(
        new Record<>(record.key(), record.value(), record.timestamp(), headers),
        childOf(processor));
  }

  private static String childOf(String processor) {
    return "dead-letters-" + processor;
  }
}
