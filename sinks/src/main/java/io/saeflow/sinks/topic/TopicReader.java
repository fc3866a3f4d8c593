// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongPredicate;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads all partitions of one topic into a {@link TopicContents}, on a thread of its own.
 *
 * <p>{@link DurableContents} are saved every few seconds and when reading ends; the offsets are
 * then committed, so that what lies below them may be deleted, and the next reader goes on there.
 * Others are read from the beginning each time. No group is joined: which partitions are read is
 * fixed.
 *
 * <p>What waits to be read is bounded by the fetch sizes, whatever a slow disk or a long topic
 * does: a fetch that has not been used up is not followed by another from the same broker.
 */
public final class TopicReader implements AutoCloseable {
  /** A poll's records are all on the heap at once, and each may be megabytes. */
  private static final int POLL_RECORDS = 20;

  /** Of one fetch; a message that is larger still comes, alone. */
  private static final int FETCH_BYTES = 16 << 20;

  private static final Duration POLL_TIMEOUT = Duration.ofMillis(250);
  private static final Duration SAVE_INTERVAL = Duration.ofSeconds(3);

  /** A stop must not take longer than a few seconds. */
  private static final Duration COMMIT_TIMEOUT = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(TopicReader.class);

  private final Consumer<byte[], byte[]> consumer;
  private final String topic;
  private final List<TopicPartition> partitions;
  private final TopicContents contents;
  private final LongPredicate last;
  private final RejectedMessages rejected;
  private final CompletableFuture<Void> done = new CompletableFuture<>();
  private volatile boolean closing;
  private volatile long completeSequences = TopicContents.INCOMPLETE;

  /** For each partition, the offset of the message to be read next. */
  private long[] next;

  private long[] saved;
  private long saveTime;

  private TopicReader(
      Consumer<byte[], byte[]> consumer,
      String topic,
      int partitions,
      TopicContents contents,
      LongPredicate last,
      RejectedMessages rejected) {
    this.consumer = consumer;
    this.topic = topic;
    this.partitions =
        IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).toList();
    this.contents = contents;
    this.last = last;
    this.rejected = rejected;
    this.next = new long[partitions];
    this.saved = next;
  }

  /**
   * Starts reading from a cluster, committed messages only.
   *
   * @param kafka client properties, at least {@code bootstrap.servers}
   * @param group under which offsets are committed
   * @param partitions how many the topic must have
   * @param contents closed when reading ends
   * @param last whether reading ends when the contents are complete with so many sequences; called
   *     from the reader's thread, again and again
   * @param rejected gets what the contents cannot use
   */
  public static TopicReader start(
      Map<String, Object> kafka,
      String group,
      String topic,
      int partitions,
      TopicContents contents,
      LongPredicate last,
      RejectedMessages rejected) {
    return start(
        new KafkaConsumer<>(properties(kafka, group, topic)),
        topic,
        partitions,
        contents,
        last,
        rejected);
  }

  /**
   * Starts reading with a consumer that the reader then owns.
   *
   * @param consumer neither subscribed nor assigned
   * @param partitions how many the topic must have
   * @param contents closed when reading ends
   * @param last whether reading ends when the contents are complete with so many sequences
   * @param rejected gets what the contents cannot use
   */
  public static TopicReader start(
      Consumer<byte[], byte[]> consumer,
      String topic,
      int partitions,
      TopicContents contents,
      LongPredicate last,
      RejectedMessages rejected) {
    TopicReader reader = new TopicReader(consumer, topic, partitions, contents, last, rejected);
    new Thread(reader::run, "sink " + topic).start();
    return reader;
  }

  /**
   * Completes when the contents are complete for good, and closed. Fails with the first error,
   * which names the message that caused it as {@code topic-partition@offset}, and is cancelled if
   * the reader is closed before.
   */
  public CompletableFuture<Void> done() {
    return done;
  }

  /** What the contents' {@link TopicContents#completeSequences} last was. Any thread may ask. */
  public long completeSequences() {
    return completeSequences;
  }

  /** Saves what was read, stops reading and waits until consumer and contents are closed. */
  @Override
  public void close() {
    closing = true;
    consumer.wakeup();
    // Whatever it ended with, whoever watches done() has it.
    done.handle((nothing, failure) -> true).join();
  }

  static Map<String, Object> properties(Map<String, Object> kafka, String group, String topic) {
    Map<String, Object> properties = new HashMap<>(kafka);
    properties.put(ConsumerConfig.GROUP_ID_CONFIG, group);
    properties.remove(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG);
    properties.put(ConsumerConfig.CLIENT_ID_CONFIG, "sink-" + topic);
    properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    properties.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    // Messages deleted before they were read must fail the sink, not be skipped.
    properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    properties.putIfAbsent(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, FETCH_BYTES);
    properties.putIfAbsent(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, FETCH_BYTES);
    properties.putIfAbsent(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, POLL_RECORDS);
    return properties;
  }

  private void run() {
    try {
      boolean complete;
      // Nothing is left to wait for; Kafka would wait for the answer to its last fetch.
      Closeable atOnce = () -> consumer.close(CloseOptions.timeout(Duration.ZERO));
      try (atOnce;
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
    if (!found.isEmpty() && found.size() != partitions.size()) {
      throw new IllegalStateException(
          "partitions of %s: %d (expected: %d)".formatted(topic, found.size(), partitions.size()));
    }
    consumer.assign(partitions);
    seek();
    boolean ended = ended();
    while (!closing && !ended) {
      readNext();
      saveWhenDue();
      ended = ended();
    }
    if (ended && contents instanceof DurableContents) {
      passMarkers();
    }
    save();
    return ended;
  }

  /**
   * The markers of the last transactions lie behind the last messages; not read, they would look
   * like messages that wait. What has come meanwhile is left for the next reader.
   */
  private void passMarkers() {
    try {
      Set<TopicPartition> more = consumer.poll(POLL_TIMEOUT).partitions();
      for (TopicPartition partition : partitions) {
        if (!more.contains(partition)) {
          next[partition.partition()] = consumer.position(partition);
        }
      }
    } catch (WakeupException e) {
      LOG.debug("{}: closing", topic);
    }
  }

  private boolean ended() {
    completeSequences = contents.completeSequences();
    return completeSequences != TopicContents.INCOMPLETE && last.test(completeSequences);
  }

  private void seek() throws IOException, MalformedMessageException {
    if (!(contents instanceof DurableContents durable)) {
      consumer.seekToBeginning(partitions);
      return;
    }
    next = durable.begin();
    Map<TopicPartition, Long> beginnings = consumer.beginningOffsets(partitions);
    for (TopicPartition partition : partitions) {
      long offset = next[partition.partition()];
      long beginning = beginnings.getOrDefault(partition, 0L);
      if (beginning > offset) {
        throw new IllegalStateException(
            "%s: begins at %d (expected: at most %d, up to where this sink has read; --keep latents, or a sink started before the run, avoids it)"
                .formatted(partition, beginning, offset));
      }
      consumer.seek(partition, offset);
    }
    saved = next.clone();
    saveTime = System.nanoTime();
    // The process may have ended between saving and committing; and who deletes must know of us.
    commit(saved);
  }

  private void readNext() throws IOException {
    ConsumerRecords<byte[], byte[]> records;
    try {
      records = consumer.poll(POLL_TIMEOUT);
    } catch (WakeupException e) {
      return; // closing
    }
    for (ConsumerRecord<byte[], byte[]> record : records) {
      if (closing) {
        return;
      }
      read(record);
      next[record.partition()] = record.offset() + 1;
    }
    if (!(contents instanceof DurableContents)) {
      return;
    }
    for (TopicPartition partition : partitions) {
      // Beyond the markers of transactions, which are no records.
      next[partition.partition()] = consumer.position(partition);
    }
  }

  private void saveWhenDue() throws IOException {
    if (System.nanoTime() - saveTime >= SAVE_INTERVAL.toNanos()) {
      save();
    }
  }

  private void save() throws IOException {
    saveTime = System.nanoTime();
    if (contents instanceof DurableContents durable && !Arrays.equals(next, saved)) {
      long[] offsets = next.clone();
      durable.save(offsets);
      saved = offsets;
      commit(offsets);
    }
  }

  private void commit(long[] offsets) {
    Map<TopicPartition, OffsetAndMetadata> all = new HashMap<>();
    partitions.forEach(p -> all.put(p, new OffsetAndMetadata(offsets[p.partition()])));
    try {
      try {
        consumer.commitSync(all, COMMIT_TIMEOUT);
      } catch (WakeupException e) {
        consumer.commitSync(all, COMMIT_TIMEOUT);
      }
    } catch (RetriableException e) {
      // What is saved counts; until the next commit only more is kept on the topic than needed.
      LOG.warn("offsets of {} could not be committed", topic, e);
    }
  }

  private void read(ConsumerRecord<byte[], byte[]> record) throws IOException {
    try {
      contents.read(record.partition(), record.value());
    } catch (MalformedMessageException e) {
      LOG.warn("{}: {}", place(record), e.getMessage());
      rejected.add(record, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw new IOException(place(record) + ": " + e.getMessage(), e);
    } catch (RuntimeException e) {
      throw new IllegalStateException(place(record) + ": " + e, e);
    }
  }

  private String place(ConsumerRecord<byte[], byte[]> record) {
    return "%s-%d@%d".formatted(topic, record.partition(), record.offset());
  }
}
