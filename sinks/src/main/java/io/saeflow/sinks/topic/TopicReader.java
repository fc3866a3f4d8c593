// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads all partitions of one topic from their beginning into a {@link TopicContents}, on a thread
 * of its own, until that is complete. It belongs to no consumer group and commits nothing: a rerun
 * reads everything again.
 */
public final class TopicReader implements AutoCloseable {
  /** A poll's records are all on the heap at once, and each may be megabytes. */
  private static final int POLL_RECORDS = 20;

  private static final Duration POLL_TIMEOUT = Duration.ofMillis(250);

  private final Consumer<byte[], byte[]> consumer;
  private final String topic;
  private final int partitions;
  private final TopicContents contents;
  private final CompletableFuture<Void> done = new CompletableFuture<>();
  private volatile boolean closing;

  private TopicReader(
      Consumer<byte[], byte[]> consumer, String topic, int partitions, TopicContents contents) {
    this.consumer = consumer;
    this.topic = topic;
    this.partitions = partitions;
    this.contents = contents;
  }

  /**
   * Starts reading from a cluster, committed messages only.
   *
   * @param kafka client properties, at least {@code bootstrap.servers}
   * @param partitions how many the topic must have
   * @param contents closed when reading ends
   */
  public static TopicReader start(
      Map<String, Object> kafka, String topic, int partitions, TopicContents contents) {
    return start(new KafkaConsumer<>(properties(kafka, topic)), topic, partitions, contents);
  }

  /**
   * Starts reading with a consumer that the reader then owns.
   *
   * @param consumer neither subscribed nor assigned
   * @param partitions how many the topic must have
   * @param contents closed when reading ends
   */
  public static TopicReader start(
      Consumer<byte[], byte[]> consumer, String topic, int partitions, TopicContents contents) {
    TopicReader reader = new TopicReader(consumer, topic, partitions, contents);
    new Thread(reader::run, "sink " + topic).start();
    return reader;
  }

  /**
   * Completes when the contents are complete and closed. Fails with the first error, which names
   * the message that caused it as {@code topic-partition@offset}, and is cancelled if the reader is
   * closed before.
   */
  public CompletableFuture<Void> done() {
    return done;
  }

  /** Stops reading and waits until the consumer and the contents are closed. */
  @Override
  public void close() {
    closing = true;
    consumer.wakeup();
    // Whatever it ended with, whoever watches done() has it.
    done.handle((nothing, failure) -> true).join();
  }

  static Map<String, Object> properties(Map<String, Object> kafka, String topic) {
    Map<String, Object> properties = new HashMap<>(kafka);
    properties.remove(ConsumerConfig.GROUP_ID_CONFIG);
    properties.remove(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG);
    properties.put(ConsumerConfig.CLIENT_ID_CONFIG, "sink-" + topic);
    properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    properties.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    // Messages deleted before they were read must fail the sink, not be skipped.
    properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    properties.putIfAbsent(
        ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, Topics.MAX_REQUEST_BYTES);
    properties.putIfAbsent(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, Topics.MAX_REQUEST_BYTES);
    properties.putIfAbsent(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, POLL_RECORDS);
    return properties;
  }

  private void run() {
    try {
      boolean complete;
      try (consumer;
          contents) {
        complete = readToTheEnd();
      }
      if (complete) {
        done.complete(null);
      } else {
        done.cancel(false);
      }
    } catch (WakeupException e) {
      done.cancel(false);
    } catch (Throwable e) {
      done.completeExceptionally(e);
    }
  }

  private boolean readToTheEnd() throws IOException, MalformedMessageException {
    List<PartitionInfo> found = consumer.partitionsFor(topic);
    if (!found.isEmpty() && found.size() != partitions) {
      throw new IllegalStateException(
          "partitions of %s: %d (expected: %d)".formatted(topic, found.size(), partitions));
    }
    List<TopicPartition> all =
        IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).toList();
    consumer.assign(all);
    consumer.seekToBeginning(all);
    while (!closing && !contents.complete()) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL_TIMEOUT)) {
        if (closing) {
          return false;
        }
        read(record);
      }
    }
    return contents.complete();
  }

  private void read(ConsumerRecord<byte[], byte[]> record)
      throws IOException, MalformedMessageException {
    String place = "%s-%d@%d".formatted(topic, record.partition(), record.offset());
    if (record.value() == null) {
      throw new MalformedMessageException(place + ": no value (expected: a record)");
    }
    try {
      contents.read(record.partition(), record.value());
    } catch (MalformedMessageException e) {
      throw new MalformedMessageException(place + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new IOException(place + ": " + e.getMessage(), e);
    } catch (RuntimeException e) {
      throw new IllegalStateException(place + ": " + e, e);
    }
  }
}
