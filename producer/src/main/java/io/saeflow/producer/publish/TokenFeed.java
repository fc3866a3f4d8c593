// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.StreamMessage;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/**
 * Puts batches of tokens on the tokens topic, then the end of the stream.
 *
 * <p>Message b is record number b / P of partition b mod P, where P is the number of partitions. So
 * a partition's length says which messages it holds, and a feed that starts again sends only the
 * others. It must be given the same batches; to append, ones that {@link TokenBatches#skip skip}
 * what was fed.
 */
public final class TokenFeed implements AutoCloseable {
  private final Producer<byte[], byte[]> producer;
  private final String topic;
  private final long[] held;
  private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();

  private volatile long tokens;
  private volatile boolean closed;

  /**
   * @param held for each partition how many records it holds
   */
  TokenFeed(Producer<byte[], byte[]> producer, String topic, long[] held) {
    this.producer = producer;
    this.topic = topic;
    this.held = held.clone();
  }

  /**
   * Opens a feed; the topic exists.
   *
   * @param kafka client settings, among them {@code bootstrap.servers}
   * @throws IllegalStateException if the topic holds records that no such feed has written
   * @throws KafkaException if the cluster cannot be reached
   */
  public static TokenFeed open(Map<String, Object> kafka, Topics topics) {
    long[] held = held(kafka, topics);
    return new TokenFeed(
        new KafkaProducer<>(ClientConfigs.tokenProducer(kafka)), topics.tokens(), held);
  }

  /**
   * Checks, without sending anything, that a feed can go on where the topic ends.
   *
   * @param kafka client settings, among them {@code bootstrap.servers}
   * @throws IllegalStateException if the topic holds records that no such feed has written
   * @throws KafkaException if the cluster cannot be reached
   */
  public static void requireAppendable(Map<String, Object> kafka, Topics topics) {
    long[] unused = held(kafka, topics);
  }

  private static long[] held(Map<String, Object> kafka, Topics topics) {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(ClientConfigs.onlooker(kafka))) {
      return new HeldBatches(consumer, topics.tokens()).count();
    }
  }

  /**
   * Sends all batches that the topic does not hold yet, and the end of the stream, and waits until
   * they have arrived.
   *
   * @return the position after the end, where appended text goes on
   * @throws IllegalStateException if the topic lacks a message before the first batch
   * @throws CorpusException if the batches cannot be made; those before are sent, the end is not
   * @throws KafkaException if one cannot be sent
   */
  public FeedPosition send(TokenBatches batches) throws CorpusException {
    requireHeldBefore(batches.number());
    for (TokenBatch batch = batches.next(); batch != null; batch = batches.next()) {
      sendUnlessHeld(batch);
      tokens = batches.tokens();
    }
    EndOfStream end = batches.end();
    sendUnlessHeld(end);
    producer.flush();
    throwFailure();
    return new FeedPosition(end.number() + 1, batches.documents(), end.sequences(), end.tokens());
  }

  /** How many tokens were sent or found so far; may be asked from any thread. */
  public long tokens() {
    return tokens;
  }

  /** Makes a {@link #send} under way fail soon. */
  @Override
  public void close() {
    closed = true;
    producer.close();
  }

  private void requireHeldBefore(long number) {
    for (int partition = 0; partition < held.length; partition++) {
      // Of the numbers partition, partition + P, partition + 2P, ... below it.
      long expected = Math.max(0, (number - partition + held.length - 1) / held.length);
      if (held[partition] < expected) {
        throw new IllegalStateException(
            "%s-%d: %d messages (expected: at least %d, all its messages before number %d)"
                .formatted(topic, partition, held[partition], expected, number));
      }
    }
  }

  private void sendUnlessHeld(StreamMessage message) {
    throwFailure();
    if (closed) {
      throw new KafkaException("%s: the feed was closed".formatted(topic));
    }
    int partition = (int) (message.number() % held.length);
    if (message.number() / held.length < held[partition]) {
      return;
    }
    Future<RecordMetadata> unused =
        producer.send(
            NumberedRecord.spread(topic, held.length, message),
            (metadata, exception) -> {
              if (exception != null) {
                failure.compareAndSet(null, exception);
              }
            });
  }

  private void throwFailure() {
    Exception cause = failure.get();
    if (cause != null) {
      throw new KafkaException("%s: a batch could not be sent".formatted(topic), cause);
    }
  }
}
