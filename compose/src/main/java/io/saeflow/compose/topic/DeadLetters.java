// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** The messages of a run that could not be used: shows them, and puts them back. */
public final class DeadLetters {
  private final Map<String, Object> kafka;
  private final Topics topics;
  private final TopicPartition partition;

  /**
   * One message.
   *
   * @param offset on the dead letters' topic
   * @param bytes of its value
   * @param description where it stood and why it could not be used
   * @param replayed whether it was put back
   */
  public record Letter(long offset, int bytes, String description, boolean replayed) {}

  /**
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  public DeadLetters(Map<String, Object> kafka, Topics topics) {
    this.kafka = Map.copyOf(kafka);
    this.topics = topics;
    this.partition = new TopicPartition(topics.deadLetters(), 0);
  }

  /** Hands over every letter, oldest first. */
  public void forEach(Consumer<Letter> action) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
      long replayed = replayedBelow(consumer);
      readToEnd(
          consumer,
          record ->
              action.accept(
                  new Letter(
                      record.offset(),
                      record.value() == null ? 0 : record.value().length,
                      DeadLetterHeaders.describe(name -> header(record, name)),
                      record.offset() < replayed && back(record).isPresent())));
    }
  }

  /**
   * Puts every letter that has not been put back at the end of the partition that it came from,
   * each once whatever happens meanwhile. One whose headers name no topic of the run stays; so does
   * a feature record, which sinks read again on their own when they start, and which would take the
   * place of newer ones.
   *
   * @return how many were put back
   */
  public int replay() {
    Map<String, Object> config = new HashMap<>(kafka);
    config.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    config.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, topics.deadLetterGroup());
    config.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, Topics.MAX_REQUEST_BYTES);
    config.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 2L * Topics.MAX_REQUEST_BYTES);
    int[] count = {0};
    try (KafkaConsumer<byte[], byte[]> consumer = consumer();
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(config)) {
      producer.initTransactions();
      consumer.seek(partition, replayedBelow(consumer));
      readToEnd(
          consumer,
          record -> {
            Optional<ProducerRecord<byte[], byte[]>> back = back(record);
            producer.beginTransaction();
            if (back.isPresent()) {
              Future<RecordMetadata> unused = producer.send(back.get());
              count[0]++;
            }
            producer.sendOffsetsToTransaction(
                Map.of(partition, new OffsetAndMetadata(record.offset() + 1)),
                new ConsumerGroupMetadata(topics.deadLetterGroup()));
            producer.commitTransaction();
          });
    }
    return count[0];
  }

  private void readToEnd(
      KafkaConsumer<byte[], byte[]> consumer, Consumer<ConsumerRecord<byte[], byte[]>> action) {
    long end = consumer.endOffsets(List.of(partition)).get(partition);
    while (consumer.position(partition) < end) {
      consumer.poll(Duration.ofMillis(500)).forEach(action);
    }
  }

  private KafkaConsumer<byte[], byte[]> consumer() {
    return PartitionConsumer.open(kafka, partition, topics.deadLetterGroup());
  }

  private long replayedBelow(KafkaConsumer<byte[], byte[]> consumer) {
    OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
    return committed == null ? 0 : committed.offset();
  }

  private Optional<ProducerRecord<byte[], byte[]>> back(ConsumerRecord<byte[], byte[]> record) {
    Optional<DeadLetterHeaders.Origin> origin =
        DeadLetterHeaders.origin(name -> header(record, name));
    return origin
        .filter(place -> topics.contains(place.topic()) && !topics.isFeatures(place.topic()))
        .map(
            place ->
                new ProducerRecord<>(
                    place.topic(), place.partition(), record.key(), record.value()));
  }

  private static byte @Nullable [] header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? null : header.value();
  }
}
