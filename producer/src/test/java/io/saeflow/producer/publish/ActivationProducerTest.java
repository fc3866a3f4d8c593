// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.schemas.tensorfile.Half;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.internals.AutoOffsetResetStrategy;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ActivationProducerTest {
  private static final Path MODEL = Path.of("src/test/resources/io/saeflow/producer/gpt2/float32");
  private static final Topics TOPICS = new Topics("run");
  private static final TopicPartition TOKENS = new TopicPartition(TOPICS.tokens(), 0);
  private static final HookPoint RESID = HookPoint.parse("blocks.1.hook_resid_post");
  private static final HookPoint POST = HookPoint.parse("blocks.0.mlp.hook_post");
  private static final ActivationOutput RESID_ONLY =
      new DenseActivations(TOPICS, List.of(RESID), ActivationDtype.FLOAT32);
  private static final TokenBatch BATCH_3 =
      new TokenBatch(
          "run",
          3,
          6,
          4,
          new int[] {1, 2, 3, 4, 5, 6, 7, 8},
          List.of(List.of(new DocumentSpan(0, 5, 0, "{\"year\":1790}")), List.of()));

  private static TensorEngine engine;
  private static Gpt2 model;

  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>(AutoOffsetResetStrategy.EARLIEST.name());
  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(
          cluster(), true, null, new ByteArraySerializer(), new ByteArraySerializer());

  /** The answers to come; then there is always enough. */
  private final Queue<Long> headroom = new ArrayDeque<>();

  private final ModelWorkers workers = new ModelWorkers("model", 2);

  private final ActivationLoop loop =
      new ActivationLoop(
          consumer,
          producer,
          model,
          TOPICS,
          List.of(RESID, POST),
          new DenseActivations(TOPICS, List.of(RESID, POST), ActivationDtype.FLOAT32),
          () -> headroom.isEmpty() ? Long.MAX_VALUE : headroom.remove(),
          workers);

  @BeforeAll
  static void loadModel() throws Exception {
    engine = LibtorchEngine.open(1);
    model = Gpt2.load(MODEL, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32);
  }

  @AfterAll
  static void closeModel() {
    model.close();
    engine.close();
  }

  @BeforeEach
  void assignTokens() {
    consumer.updateBeginningOffsets(Map.of(TOKENS, 0L));
    consumer.schedulePollTask(() -> consumer.rebalance(List.of(TOKENS)));
  }

  @AfterEach
  void stopTheWorkers() {
    workers.close();
  }

  @Test
  void sendsABatchOfActivationsForEachHook() throws Exception {
    loop.begin();
    add(0, ArrowMessages.encode(BATCH_3));
    steps();

    assertThat(producer.history()).hasSize(2);
    Map<HookPoint, float[]> expected = model.activations(BATCH_3.tokens(), 4, List.of(RESID, POST));
    for (HookPoint hook : List.of(RESID, POST)) {
      ProducerRecord<byte[], byte[]> record = sentTo(TOPICS.activations(hook));
      // There are two partitions, and the batch is number 3.
      assertThat(record.partition()).isEqualTo(1);
      assertThat(record.key()).containsExactly(0, 0, 0, 0, 0, 0, 0, 3);
      assertThat(ArrowMessages.decodeActivations(record.value()))
          .isEqualTo(new ActivationBatch(BATCH_3, hook, model.width(hook), expected.get(hook)));
    }
    assertThat(loop.tokensDone().sum()).isEqualTo(8);
    assertCommitted(1);
  }

  @Test
  void publishesInFloat16WhereAskedTo() throws Exception {
    ActivationLoop rounding =
        loop(List.of(RESID), new DenseActivations(TOPICS, List.of(RESID), ActivationDtype.FLOAT16));
    rounding.begin();
    add(0, ArrowMessages.encode(BATCH_3));
    for (int i = 0; i < 10; i++) {
      rounding.step();
    }
    float[] values = model.activations(BATCH_3.tokens(), 4, List.of(RESID)).get(RESID);
    for (int i = 0; i < values.length; i++) {
      values[i] = Half.toFloat(Half.fromFloat(values[i]));
    }
    assertThat(ArrowMessages.decodeActivations(sentTo(TOPICS.activations(RESID)).value()))
        .isEqualTo(new ActivationBatch(BATCH_3, RESID, model.width(RESID), values));
  }

  @Test
  void passesTheEndOnToEveryHook() throws Exception {
    EndOfStream end = new EndOfStream("run", 4, 8, 32);
    loop.begin();
    add(0, ArrowMessages.encode(end));
    steps();

    assertThat(producer.history()).hasSize(2);
    for (HookPoint hook : List.of(RESID, POST)) {
      ProducerRecord<byte[], byte[]> record = sentTo(TOPICS.activations(hook));
      assertThat(record.partition()).isEqualTo(0);
      assertThat(ArrowMessages.decodeActivations(record.value())).isEqualTo(end);
    }
    assertThat(loop.tokensDone().sum()).isZero();
  }

  @Test
  void putsBadMessagesAsideAndGoesOn() {
    loop.begin();
    byte[] bad = "no Arrow".getBytes(UTF_8);
    TokenBatch foreign = new TokenBatch("other", 0, 0, 2, new int[] {1, 2}, List.of(List.of()));
    TokenBatch outside = new TokenBatch("run", 0, 0, 2, new int[] {1, 61}, List.of(List.of()));
    add(0, bad);
    add(1, null);
    add(2, ArrowMessages.encode(foreign));
    add(3, ArrowMessages.encode(outside));
    add(4, ArrowMessages.encode(BATCH_3));
    steps();

    List<ProducerRecord<byte[], byte[]>> letters =
        producer.history().stream()
            .filter(record -> record.topic().equals(TOPICS.deadLetters()))
            .toList();
    assertThat(letters).hasSize(4);
    assertThat(letters.get(0).key()).containsExactly(7);
    assertThat(letters.get(0).value()).isEqualTo(bad);
    assertThat(header(letters.get(0), "topic")).isEqualTo("run.tokens");
    assertThat(header(letters.get(0), "partition")).isEqualTo("0");
    assertThat(header(letters.get(0), "offset")).isEqualTo("0");
    assertThat(header(letters.get(0), "reason")).isNotBlank();
    assertThat(letters.get(1).value()).isNull();
    assertThat(header(letters.get(1), "reason")).isEqualTo("no value (expected: an Arrow stream)");
    assertThat(header(letters.get(2), "reason")).isEqualTo("run: 'other' (expected: 'run')");
    assertThat(header(letters.get(3), "offset")).isEqualTo("3");
    assertThat(header(letters.get(3), "reason"))
        .isEqualTo("batch 0: token id: 61 at 1 (expected: below the vocabulary size 61)");
    assertThat(producer.history()).hasSize(6);
    assertThat(loop.deadLetters().sum()).isEqualTo(4);
    assertThat(loop.tokensDone().sum()).isEqualTo(8);
    assertCommitted(5);
  }

  @Test
  void whatAnOutputMakesOfActivationsGoesOutWithTheOffsetsOrNotAtAll() throws Exception {
    Refusing output = new Refusing();
    try (ActivationLoop refusing = loop(List.of(RESID, POST), output)) {
      refusing.begin();
      TokenBatch refused =
          new TokenBatch("run", 4, 8, 4, BATCH_3.tokens(), List.of(List.of(), List.of()));
      add(0, ArrowMessages.encode(BATCH_3));
      add(1, ArrowMessages.encode(refused));
      add(2, ArrowMessages.encode(new EndOfStream("run", 5, 8, 32)));
      steps(refusing);

      // One for each hook, the letter, and the end.
      assertThat(producer.history())
          .extracting(ProducerRecord::topic)
          .containsExactlyInAnyOrder("made", "made", TOPICS.deadLetters(), "made");
      ProducerRecord<byte[], byte[]> letter = sentTo(TOPICS.deadLetters());
      assertThat(letter.value()).isEqualTo(ArrowMessages.encode(refused));
      assertThat(header(letter, "topic")).isEqualTo("run.tokens");
      assertThat(header(letter, "offset")).isEqualTo("1");
      assertThat(header(letter, "reason")).isEqualTo("batch 4: refused");
      assertThat(refusing.deadLetters().sum()).isEqualTo(1);
      assertThat(refusing.tokensDone().sum()).isEqualTo(8);
      assertCommitted(3);
      workers.close();
    }
    assertThat(output.opened).hasSizeBetween(1, 2);
    assertThat(output.closed).containsExactlyInAnyOrderElementsOf(output.opened);
  }

  @Test
  void closesWhatItsThreadsOpened() {
    Refusing output = new Refusing();
    ActivationProducer running =
        new ActivationProducer(
            consumer,
            producer,
            () -> Long.MAX_VALUE,
            model,
            output,
            new ActivationProducerConfig(Map.of(), TOPICS, List.of(RESID), "0", 1, 1, 1));
    add(0, ArrowMessages.encode(BATCH_3));
    running.start();
    while (running.tokens() == 0) {
      assertThat(running.finished()).isNotDone();
      Thread.onSpinWait();
    }
    assertThat(output.closed).isEmpty();
    running.close();
    assertThat(output.opened).hasSize(1);
    assertThat(output.closed).isEqualTo(output.opened);
  }

  @Test
  void readsAgainWhatARebalanceTookFromATransaction() {
    loop.begin();
    add(0, ArrowMessages.encode(BATCH_3));
    producer.sendOffsetsToTransactionException = new CommitFailedException();
    steps();
    assertThat(producer.history()).isEmpty();
    assertThat(loop.tokensDone().sum()).isZero();
    assertThat(consumer.position(TOKENS)).isZero();

    producer.sendOffsetsToTransactionException = null;
    assertThatItReadsTheBatchAgain();
  }

  @Test
  void readsNothingWithoutHeadroomAndGoesOnWhenThereIsSome() {
    headroom.addAll(List.of(1L, 0L, -3L, 0L, 1L));
    loop.begin();
    addOneAPoll(2);
    loop.step();
    loop.step();
    for (int i = 0; i < 3; i++) {
      loop.step();
      assertThat(consumer.paused()).containsExactly(TOKENS);
      assertThat(loop.tokensDone().sum()).isEqualTo(8);
    }
    loop.step();
    assertThat(consumer.paused()).isEmpty();
    loop.step();
    assertThat(loop.tokensDone().sum()).isEqualTo(16);
  }

  @Test
  void whatTheModelIsAtTakesUpHeadroom() {
    headroom.addAll(List.of(1L, 1L, 1L));
    loop.begin();
    addOneAPoll(2);
    // The first poll only joins the group.
    loop.step();
    loop.step();
    assertThat(consumer.position(TOKENS)).isEqualTo(1);
    loop.step();
    assertThat(consumer.position(TOKENS)).as("the first was still under way").isEqualTo(1);
    assertThat(loop.tokensDone().sum()).isEqualTo(8);
    loop.step();
    assertThat(consumer.position(TOKENS)).isEqualTo(2);
  }

  @Test
  void commitsNothingThatWasReadBeforeARebalance() {
    loop.begin();
    add(0, ArrowMessages.encode(BATCH_3));
    consumer.schedulePollTask(() -> consumer.rebalance(List.of()));
    steps();
    assertThat(producer.history()).isEmpty();

    consumer.schedulePollTask(
        () -> {
          consumer.rebalance(List.of(TOKENS));
          consumer.seek(TOKENS, 0);
        });
    assertThatItReadsTheBatchAgain();
  }

  @Test
  void theModelWorksOnThePollsToComeWhileTheFirstIsWritten() {
    loop.begin();
    for (int offset = 0; offset < 3; offset++) {
      add(offset, ArrowMessages.encode(BATCH_3));
    }
    loop.step();
    loop.step();
    assertThat(loop.tokensDone().sum()).isZero();
    loop.step();
    assertThat(loop.tokensDone().sum()).isEqualTo(8);
    loop.step();
    assertThat(loop.tokensDone().sum()).isEqualTo(16);
    assertCommitted(2);
    loop.step();
    assertThat(loop.tokensDone().sum()).isEqualTo(24);
    assertCommitted(3);
  }

  @Test
  void aBatchThatComesWhileTheModelIsAtAnotherIsBegunAtOnce() throws Exception {
    try (ActivationLoop waiting = loop(List.of(RESID), new Together(2))) {
      waiting.begin();
      add(0, ArrowMessages.encode(BATCH_3));
      for (int i = 0; i < 3; i++) {
        consumer.schedulePollTask(() -> {});
      }
      add(1, ArrowMessages.encode(BATCH_3));
      steps(waiting);
      assertThat(waiting.tokensDone().sum()).isEqualTo(16);
      assertCommitted(2);
      workers.close();
    }
  }

  @Test
  void readsAgainWhenTheBrokerHasForgottenTheProducer() {
    loop.begin();
    add(0, ArrowMessages.encode(BATCH_3));
    producer.commitTransactionException =
        new KafkaException("error state", new OutOfOrderSequenceException("no existing state"));
    steps();
    assertThat(producer.history()).isEmpty();
    assertThat(consumer.position(TOKENS)).isZero();

    producer.commitTransactionException = null;
    assertThatItReadsTheBatchAgain();
  }

  @Test
  void abortsWhenATransactionFails() {
    loop.begin();
    add(0, ArrowMessages.encode(BATCH_3));
    producer.commitTransactionException = new KafkaException("disk full");
    assertThatThrownBy(this::steps).isInstanceOf(KafkaException.class).hasMessage("disk full");
    assertThat(producer.transactionAborted()).isTrue();
    assertThat(producer.history()).isEmpty();
    assertThat(loop.tokensDone().sum()).isZero();
  }

  @Test
  void runsUntilItIsClosed() throws Exception {
    ActivationProducer running = running();
    running.close();
    assertThat(running.finished()).isCompletedWithValue(null);
    assertThat(consumer.closed()).isTrue();
    assertThat(producer.closed()).isTrue();
  }

  @Test
  void saysWhyItStopped() {
    producer.initTransactionException = new ProducerFencedException("a newer one");
    ActivationProducer running = running();
    assertThatThrownBy(() -> running.finished().orTimeout(10, TimeUnit.SECONDS).join())
        .isInstanceOf(CompletionException.class)
        .hasCauseInstanceOf(ProducerFencedException.class);
    running.close();
    assertThat(consumer.closed()).isTrue();
    assertThat(producer.closed()).isTrue();
  }

  @Test
  void refusesAHookThatTheModelLacks() {
    ActivationProducerConfig config =
        new ActivationProducerConfig(
            Map.of(), TOPICS, List.of(HookPoint.parse("blocks.9.hook_resid_post")), "0", 1, 1, 1);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> ActivationProducer.start(config, model, RESID_ONLY))
        .withMessageContaining("layer 9 (expected: below the model's 2)");
  }

  @Test
  void refusesImpossibleSettings() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ActivationProducerConfig(Map.of(), TOPICS, List.of(), "0", 1, 1, 1))
        .withMessage("hooks: [] (expected: at least one, each once)");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                new ActivationProducerConfig(Map.of(), TOPICS, List.of(RESID, RESID), "0", 1, 1, 1))
        .withMessageContaining("(expected: at least one, each once)");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> new ActivationProducerConfig(Map.of(), TOPICS, List.of(RESID), "a b", 1, 1, 1))
        .withMessageStartingWith("instance: 'a b' (expected:");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> new ActivationProducerConfig(Map.of(), TOPICS, List.of(RESID), "0", 0, 1, 1))
        .withMessage("batches per transaction: 0 (expected: >= 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> new ActivationProducerConfig(Map.of(), TOPICS, List.of(RESID), "0", 1, 1, 0))
        .withMessage("waiting batches: 0 (expected: >= 1)");
  }

  /** A loop that always has headroom. */
  private ActivationLoop loop(List<HookPoint> hooks, ActivationOutput output) {
    return new ActivationLoop(
        consumer, producer, model, TOPICS, hooks, output, () -> Long.MAX_VALUE, workers);
  }

  private void assertThatItReadsTheBatchAgain() {
    add(0, ArrowMessages.encode(BATCH_3));
    steps();
    assertThat(producer.history()).hasSize(2);
    assertThat(loop.tokensDone().sum()).isEqualTo(8);
  }

  private ActivationProducer running() {
    ActivationProducer running =
        new ActivationProducer(
            consumer,
            producer,
            () -> Long.MAX_VALUE,
            model,
            RESID_ONLY,
            new ActivationProducerConfig(Map.of(), TOPICS, List.of(RESID), "0", 1, 1, 1));
    running.start();
    return running;
  }

  private void add(long offset, byte[] value) {
    consumer.schedulePollTask(
        () ->
            consumer.addRecord(
                new ConsumerRecord<>(TOPICS.tokens(), 0, offset, new byte[] {7}, value)));
  }

  /** So many batches, of which each poll finds one. */
  private void addOneAPoll(int batches) {
    consumer.setMaxPollRecords(1);
    consumer.schedulePollTask(
        () -> {
          for (int offset = 0; offset < batches; offset++) {
            consumer.addRecord(
                new ConsumerRecord<>(
                    TOPICS.tokens(), 0, offset, new byte[] {7}, ArrowMessages.encode(BATCH_3)));
          }
        });
  }

  private void steps() {
    steps(loop);
  }

  /** More steps than there are scheduled tasks: the rest find nothing. */
  private static void steps(ActivationLoop loop) {
    for (int i = 0; i < 10; i++) {
      loop.step();
    }
  }

  private ProducerRecord<byte[], byte[]> sentTo(String topic) {
    return producer.history().stream()
        .filter(record -> record.topic().equals(topic))
        .findFirst()
        .orElseThrow();
  }

  private void assertCommitted(long offset) {
    assertThat(producer.transactionCommitted()).isTrue();
    List<Map<String, Map<TopicPartition, OffsetAndMetadata>>> commits =
        producer.consumerGroupOffsetsHistory();
    assertThat(commits.get(commits.size() - 1).values())
        .singleElement()
        .satisfies(offsets -> assertThat(offsets.get(TOKENS).offset()).isEqualTo(offset));
  }

  private static String header(ProducerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return new String(header.value(), UTF_8);
  }

  private static Cluster cluster() {
    Node[] nodes = {};
    List<PartitionInfo> partitions =
        List.of(RESID, POST).stream()
            .flatMap(
                hook ->
                    List.of(0, 1).stream()
                        .map(
                            p ->
                                new PartitionInfo(TOPICS.activations(hook), p, null, nodes, nodes)))
            .toList();
    return new Cluster("test", List.of(), partitions, Set.of(), Set.of());
  }

  /** Makes a record a hook, but none of batch 4 at the second of two hooks. */
  private static final class Refusing implements ActivationOutput {
    final List<ActivationRecords> opened = new CopyOnWriteArrayList<>();
    final List<ActivationRecords> closed = new CopyOnWriteArrayList<>();

    @Override
    public List<String> topics() {
      return List.of(TOPICS.activations(RESID));
    }

    @Override
    public String readers() {
      return "readers";
    }

    @Override
    public ActivationRecords open(Map<String, Integer> partitions) {
      assertThat(partitions).isEqualTo(Map.of(TOPICS.activations(RESID), 2));
      Thread opener = Thread.currentThread();
      ActivationRecords records =
          new ActivationRecords() {
            @Override
            public List<ProducerRecord<byte[], byte[]>> of(ActivationBatch activations)
                throws MalformedMessageException {
              assertThat(Thread.currentThread()).isSameAs(opener);
              if (activations.number() == 4 && activations.hook().equals(POST)) {
                throw new MalformedMessageException("batch 4: refused");
              }
              return List.of(NumberedRecord.of("made", 0, activations));
            }

            @Override
            public List<ProducerRecord<byte[], byte[]>> of(EndOfStream end) {
              return List.of(NumberedRecord.of("made", 0, end));
            }

            @Override
            public void close() {
              closed.add(this);
            }
          };
      opened.add(records);
      return records;
    }
  }

  /** Makes no record of any batch before so many have been begun. */
  private static final class Together implements ActivationOutput {
    private final CountDownLatch begun;

    Together(int batches) {
      this.begun = new CountDownLatch(batches);
    }

    @Override
    public List<String> topics() {
      return RESID_ONLY.topics();
    }

    @Override
    public String readers() {
      return RESID_ONLY.readers();
    }

    @Override
    public ActivationRecords open(Map<String, Integer> partitions) {
      ActivationRecords records = RESID_ONLY.open(partitions);
      return new ActivationRecords() {
        @Override
        public List<ProducerRecord<byte[], byte[]>> of(ActivationBatch activations)
            throws MalformedMessageException {
          begun.countDown();
          assertThatNoException()
              .isThrownBy(() -> assertThat(begun.await(20, TimeUnit.SECONDS)).isTrue());
          return records.of(activations);
        }

        @Override
        public List<ProducerRecord<byte[], byte[]>> of(EndOfStream end) {
          return records.of(end);
        }

        @Override
        public void close() {
          records.close();
        }
      };
    }
  }
}
