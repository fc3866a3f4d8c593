// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Sends messages to the run's dead letters, with their place and the reason in their headers.
 *
 * <p>A sink reads feature records from the beginning whenever it starts, and meets the same bad
 * ones again: what is on the dead letters' topic already is not sent once more. Since each
 * partition is read in order, the last letter of each says which those are. Of sinks that meet one
 * at the same time, each may send it.
 *
 * <p>It connects to the cluster when there is a first message to send, which is hardly ever.
 */
public final class DeadLetterSender implements RejectedMessages, AutoCloseable {
  private final Map<String, Object> kafka;
  private final TopicPartition letters;
  private @Nullable Connection connection;

  /**
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  public DeadLetterSender(Map<String, Object> kafka, Topics topics) {
    this.kafka = Map.copyOf(kafka);
    this.letters = new TopicPartition(topics.deadLetters(), 0);
  }

  @Override
  public synchronized void add(ConsumerRecord<byte[], byte[]> message, String reason) {
    if (connection == null) {
      connection = new Connection();
    }
    connection.send(message, reason);
  }

  @Override
  public synchronized void close() {
    if (connection != null) {
      connection.producer.close();
      connection = null;
    }
  }

  private final class Connection {
    /** Of each partition, the offset of the last message that is a letter. */
    private final Map<TopicPartition, Long> sent = new HashMap<>();

    private final KafkaProducer<byte[], byte[]> producer;

    Connection() {
      readSent();
      Map<String, Object> config = new HashMap<>(kafka);
      config.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
      config.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
      config.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, Topics.MAX_REQUEST_BYTES);
      config.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 2L * Topics.MAX_REQUEST_BYTES);
      producer = new KafkaProducer<>(config);
    }

    /** Uncommitted ones too: those are other stages', and not worth waiting for. */
    private void readSent() {
      Map<String, Object> config = new HashMap<>(kafka);
      config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
      config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
      try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config)) {
        consumer.assign(List.of(letters));
        consumer.seekToBeginning(List.of(letters));
        long end = consumer.endOffsets(List.of(letters)).get(letters);
        while (consumer.position(letters) < end) {
          for (ConsumerRecord<byte[], byte[]> letter : consumer.poll(Duration.ofMillis(500))) {
            note(letter.headers());
          }
        }
      }
    }

    private void note(Headers headers) {
      Function<String, byte @Nullable []> values =
          name -> {
            Header header = headers.lastHeader(name);
            return header == null ? null : header.value();
          };
      Optional<DeadLetterHeaders.Origin> origin = DeadLetterHeaders.origin(values);
      OptionalLong offset = DeadLetterHeaders.offset(values);
      if (origin.isPresent() && offset.isPresent()) {
        sent.merge(
            new TopicPartition(origin.get().topic(), origin.get().partition()),
            offset.getAsLong(),
            Math::max);
      }
    }

    void send(ConsumerRecord<byte[], byte[]> message, String reason) {
      TopicPartition from = new TopicPartition(message.topic(), message.partition());
      if (sent.getOrDefault(from, -1L) >= message.offset()) {
        return;
      }
      ProducerRecord<byte[], byte[]> letter =
          new ProducerRecord<>(letters.topic(), null, message.key(), message.value());
      message.headers().forEach(letter.headers()::add);
      DeadLetterHeaders.of(message.topic(), message.partition(), message.offset(), reason)
          .forEach(letter.headers()::add);
      try {
        producer.send(letter).get();
        sent.put(from, message.offset());
      } catch (ExecutionException e) {
        throw new KafkaException(
            "%s: a letter could not be sent".formatted(letters.topic()), e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new KafkaException("interrupted", e);
      }
    }
  }
}
