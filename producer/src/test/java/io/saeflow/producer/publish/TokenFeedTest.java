// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.SequenceSource;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.corpus.TokenSequence;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.schemas.stream.TokenMessage;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TokenFeedTest {
  @Test
  void sendsEveryBatchAndTheEndToItsPartition() throws Exception {
    MockProducer<byte[], byte[]> producer =
        new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
    TokenFeed feed = new TokenFeed(producer, "run.tokens", new long[2]);
    try (TokenBatches batches = batches(3)) {
      assertThat(feed.send(batches)).isEqualTo(new FeedPosition(4L, 0L, 3L, 6L));
    }
    assertThat(feed.tokens()).isEqualTo(6);
    assertThat(producer.history()).hasSize(4);
    for (int i = 0; i < 4; i++) {
      ProducerRecord<byte[], byte[]> record = producer.history().get(i);
      assertThat(record.topic()).isEqualTo("run.tokens");
      assertThat(record.partition()).isEqualTo(i % 2);
      try (LongDeserializer longs = new LongDeserializer()) {
        assertThat(longs.deserialize("", record.key())).isEqualTo(i);
      }
    }
    assertThat(ArrowMessages.decodeTokens(producer.history().get(2).value()))
        .isEqualTo(new TokenBatch("run", 2, 2, 2, new int[] {2, 3}, List.of(List.of())));
    assertThat(ArrowMessages.decodeTokens(producer.history().get(3).value()))
        .isEqualTo(new EndOfStream("run", 3, 3, 6));
  }

  @Test
  void sendsOnlyWhatThePartitionsDoNotHold() throws Exception {
    // Of batches 0 to 4 and the end, number 5, partition 0 has 0 and 2, partition 1 has 1.
    MockProducer<byte[], byte[]> producer =
        new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
    TokenFeed feed = new TokenFeed(producer, "run.tokens", new long[] {2, 1});
    try (TokenBatches batches = batches(5)) {
      assertThat(feed.send(batches)).isEqualTo(new FeedPosition(6L, 0L, 5L, 10L));
    }
    assertThat(producer.history())
        .extracting(record -> ArrowMessages.decodeTokens(record.value()).number())
        .containsExactly(3L, 4L, 5L);
    assertThat(feed.tokens()).isEqualTo(10);
  }

  @Test
  void sendsNothingToATopicThatHasItAll() throws Exception {
    MockProducer<byte[], byte[]> producer =
        new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
    try (TokenBatches batches = batches(5)) {
      new TokenFeed(producer, "run.tokens", new long[] {3, 3}).send(batches);
    }
    assertThat(producer.history()).isEmpty();
  }

  @Test
  void appendsAfterTheEndThatIsThere() throws Exception {
    // Numbers 0 to 2 are batches, 3 is the first end; 4 to 6 are appended, 7 is the next end.
    for (int sentBeforeACrash = 0; sentBeforeACrash <= 4; sentBeforeACrash++) {
      MockProducer<byte[], byte[]> producer =
          new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
      long messages = 4L + sentBeforeACrash;
      TokenFeed feed =
          new TokenFeed(producer, "run.tokens", new long[] {(messages + 1) / 2, messages / 2});
      try (TokenBatches batches = batches(6)) {
        batches.skip(new FeedPosition(4L, 0L, 3L, 6L));
        assertThat(feed.send(batches)).isEqualTo(new FeedPosition(8L, 0L, 6L, 12L));
      }
      List<TokenMessage> sent = new ArrayList<>();
      for (ProducerRecord<byte[], byte[]> record : producer.history()) {
        sent.add(ArrowMessages.decodeTokens(record.value()));
      }
      List<TokenMessage> appended =
          List.of(
              new TokenBatch("run", 4, 3, 2, new int[] {3, 4}, List.of(List.of())),
              new TokenBatch("run", 5, 4, 2, new int[] {4, 5}, List.of(List.of())),
              new TokenBatch("run", 6, 5, 2, new int[] {5, 6}, List.of(List.of())),
              new EndOfStream("run", 7, 6, 12));
      assertThat(sent).isEqualTo(appended.subList(sentBeforeACrash, 4));
      assertThat(feed.tokens()).isEqualTo(12);
    }
  }

  @Test
  void appendsNothingToATopicThatLacksWhatCameBefore() throws Exception {
    MockProducer<byte[], byte[]> producer =
        new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
    TokenFeed feed = new TokenFeed(producer, "run.tokens", new long[] {2, 1});
    try (TokenBatches batches = batches(6)) {
      batches.skip(new FeedPosition(4L, 0L, 3L, 6L));
      assertThatThrownBy(() -> feed.send(batches))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "run.tokens-1: 1 messages (expected: at least 2, all its messages before number 4)");
    }
    assertThat(producer.history()).isEmpty();
  }

  @Test
  void failsWhenABatchCannotBeSent() {
    MockProducer<byte[], byte[]> producer =
        new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer());
    TokenFeed feed = new TokenFeed(producer, "run.tokens", new long[1]);
    SequenceSource failing =
        new Numbers(3) {
          @Override
          public @Nullable TokenSequence next() {
            // Fails the batch that was sent before this one.
            producer.errorNext(new IllegalStateException("disk full"));
            return super.next();
          }
        };
    assertThatThrownBy(
            () -> feed.send(new TokenBatches("run", failing, 1, 10, TokenBatches.ALL_TOKENS)))
        .isInstanceOf(KafkaException.class)
        .hasMessage("run.tokens: a batch could not be sent")
        .hasRootCauseMessage("disk full");
    assertThat(producer.history()).hasSize(1);
  }

  @Test
  void sendsNoEndAfterBadInput() {
    MockProducer<byte[], byte[]> producer =
        new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
    TokenFeed feed = new TokenFeed(producer, "run.tokens", new long[1]);
    assertThatThrownBy(
            () -> feed.send(new TokenBatches("run", new Numbers(9), 1, 3, TokenBatches.ALL_TOKENS)))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("token id 3 at row 2, position 1");
    assertThat(producer.history()).hasSize(2);
  }

  private static TokenBatches batches(int count) {
    return new TokenBatches("run", new Numbers(count), 1, 100, TokenBatches.ALL_TOKENS);
  }

  /** Sequences 0 1, 1 2, 2 3, ... */
  private static class Numbers implements SequenceSource {
    private final int count;
    private int next;

    Numbers(int count) {
      this.count = count;
    }

    @Override
    public String name() {
      return "numbers";
    }

    @Override
    public int contextLength() {
      return 2;
    }

    @Override
    public @Nullable TokenSequence next() {
      return next == count ? null : new TokenSequence(new int[] {next, ++next}, List.of());
    }

    @Override
    public void close() {}
  }
}
