// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.config.Kept;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.role.FeedProcess;
import io.saeflow.compose.role.ProcessRole;
import io.saeflow.compose.role.ProduceRole;
import io.saeflow.compose.role.RoleWork;
import io.saeflow.compose.role.RunContext;
import io.saeflow.compose.role.SinkRole;
import io.saeflow.compose.topic.DeadLetters;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.kernels.device.Device;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.StreamMessage;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.verify.RunVerification;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Another program writes into a run's topics while it goes on: a message in a hundred is bad. */
class PoisonTest {
  private static final Device CPU = new Device.Cpu();
  private static final String CASE = "openai-topk--blocks.1.hook_resid_post";
  private static final HookPoint HOOK = HookPoint.parse(OracleCases.hook(CASE));
  private static final Path MODEL = OracleCases.FOLDER.resolve("model");
  private static final Path SAE = OracleCases.FOLDER.resolve("cases").resolve(CASE).resolve("sae");
  private static final Topics TOPICS = new Topics("poison");

  private static final String SINK = "sink";
  private static final int BATCHES = 900;
  private static final int PARTITIONS = 2;
  private static final int RANGES = 3;
  private static final int WIDTH = 40;

  /** Topics that are compacted take no message without one. */
  private static final byte[] FOREIGN_KEY = {9};

  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir Path folder;

  private EmbeddedBroker broker;
  private Map<String, Object> kafka;
  private KafkaProducer<byte[], byte[]> foreigner;
  private KafkaConsumer<byte[], byte[]> reader;

  /** What was sent, by place, and how its reason must begin. */
  private final Map<String, Bad> sent = new LinkedHashMap<>();

  private record Bad(byte @Nullable [] value, String reason) {}

  private record Letter(String place, byte @Nullable [] value, String reason) {}

  @BeforeEach
  void startTheBroker() throws IOException {
    broker = EmbeddedBroker.start(folder.resolve("broker"));
    kafka = Map.of("bootstrap.servers", broker.bootstrapServers());
    foreigner = new KafkaProducer<>(kafka, new ByteArraySerializer(), new ByteArraySerializer());
    Map<String, Object> readCommitted = new HashMap<>(kafka);
    readCommitted.put("isolation.level", "read_committed");
    reader =
        new KafkaConsumer<>(
            readCommitted, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  @AfterEach
  void stopTheBroker() {
    reader.close();
    foreigner.close();
    broker.close();
  }

  @Test
  void recordsAreThoseOfTheGoodMessagesAndEveryBadOneIsADeadLetter() throws Exception {
    Path tokens = OracleCases.writeTokens(folder.resolve("tokens.npy"), 2 * BATCHES);
    Path clean = folder.resolve("clean");
    OracleCases.execute(settings(tokens).path(Setting.OUT, clean));

    feed(tokens);
    RunContext run = new RunContext(kafka, new ManifestTopic(kafka, TOPICS).read().orElseThrow());
    Path out = folder.resolve("out");
    try (RoleWork produce =
            new ProduceRole("1", MODEL, Optional.empty(), List.of(), 2, OptionalInt.empty(), CPU)
                .begin(run);
        RoleWork process =
            new ProcessRole("1", List.of(SAE), folder.resolve("state"), 1, 1, CPU).begin(run)) {
      try (RoleWork sink = sink(out).begin(run)) {
        poison(sink);
        await(sink);
      }
      assertThat(sent).hasSizeBetween(50, 65);
      List<Letter> letters = letters(sent.size());
      assertThat(letters)
          .extracting(Letter::place)
          .containsExactlyInAnyOrderElementsOf(sent.keySet());
      for (Letter letter : letters) {
        Bad bad = sent.get(letter.place);
        assertThat(letter.value).as(letter.place).isEqualTo(bad.value);
        assertThat(letter.reason).as(letter.place).startsWith(bad.reason);
      }
      assertSame(clean, out);

      // Put back, the bad are set aside once more; a good one that was counted changes nothing.
      setAsideByHand(new TopicPartition(TOPICS.latents(OracleCases.id(CASE)), 0));
      setAsideByHand(new TopicPartition(TOPICS.activations(HOOK), 0));
      DeadLetters deadLetters = new DeadLetters(kafka, TOPICS);
      // Bad feature records stay where they are: sinks read that topic again and again.
      int back = sent.size() - badFeatures().size();
      assertThat(deadLetters.replay()).isEqualTo(back + 2);
      int all = sent.size() + 2 + back;
      assertThat(letters(all)).hasSize(all);
      List<Boolean> putBack = new ArrayList<>();
      deadLetters.forEach(letter -> putBack.add(letter.replayed()));
      assertThat(Collections.frequency(putBack.subList(0, sent.size() + 2), true))
          .isEqualTo(back + 2);
      assertThat(putBack.subList(sent.size() + 2, putBack.size())).containsOnly(false);

      Path again = folder.resolve("again");
      try (RoleWork sink = sink(again).begin(run)) {
        await(sink);
      }
      assertSame(clean, again);
      // What the first sink has set aside, the second did not.
      assertThat(letters(all)).hasSize(all);
      assertThat(produce.done()).isNotDone();
      assertThat(process.done()).isNotDone();
    }

    // All was fed, so a feed that is started again has nothing to look for.
    feed(tokens);
    assertThatThrownBy(
            () ->
                FeedProcess.run(
                    onBroker(tokens).toRunConfig(), List.of(SINK), true, SaeflowVersion.current()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("(expected: batch ");
    assertThat(new ManifestTopic(kafka, TOPICS).read().orElseThrow().getTotals()).isNotNull();
  }

  private void feed(Path tokens) throws Exception {
    FeedProcess.run(onBroker(tokens).toRunConfig(), List.of(SINK), false, SaeflowVersion.current());
  }

  private Settings onBroker(Path tokens) {
    return settings(tokens).text(Setting.BOOTSTRAP_SERVERS, broker.bootstrapServers());
  }

  private static Settings settings(Path tokens) {
    return OracleCases.run(List.of(CASE), Path.of("unused"))
        .text(Setting.RUN_ID, TOPICS.run())
        .path(Setting.TOKENS, tokens)
        .number(Setting.BATCH_SIZE, 2)
        .number(Setting.PARTITIONS, PARTITIONS)
        .number(Setting.FEATURE_RANGES, RANGES)
        .keep(List.of(Kept.ACTIVATIONS, Kept.LATENTS));
  }

  private static SinkRole sink(Path out) {
    return new SinkRole(
        SINK, out, EnumSet.complementOf(EnumSet.of(SinkKind.VIEW)), Optional.empty(), false);
  }

  /** Does a sink's work until it has ended. */
  static void await(RoleWork sink) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!sink.done().isDone()) {
      assertThat(System.nanoTime() - deadline).as("sink, within %s", PATIENCE).isNegative();
      sink.tick();
      Thread.sleep(50);
    }
    sink.done().get();
  }

  /** On the tokens topic only behind what was fed: its length says what the feed has sent. */
  private void poison(RoleWork sink) throws Exception {
    List<Bad> tokens = badTokens();
    for (int i = 0; i < tokens.size(); i++) {
      send(TOPICS.tokens(), i % PARTITIONS, tokens.get(i));
    }
    List<Bad> activations = badActivations();
    List<Bad> latents = badLatents();
    List<Bad> features = badFeatures();
    for (int i = 0; i < features.size(); i++) {
      send(TOPICS.features(OracleCases.id(CASE)), i % RANGES, features.get(i));
    }
    TopicPartition good = new TopicPartition(TOPICS.activations(HOOK), 0);
    int rounds = 4;
    for (int i = 0; i < rounds * latents.size(); i++) {
      // Each after its share of the good ones.
      long from = (long) i * BATCHES / PARTITIONS / (rounds * latents.size());
      while (reader.endOffsets(List.of(good)).get(good) < from) {
        sink.tick();
        Thread.sleep(10);
      }
      send(TOPICS.latents(OracleCases.id(CASE)), i % RANGES, latents.get(i % latents.size()));
      if (i < activations.size()) {
        send(good.topic(), i % PARTITIONS, activations.get(i));
      }
    }
  }

  private List<Bad> badTokens() {
    byte[] good = encode(tokens(TOPICS.run(), 77));
    int[] unknown = new int[2 * OracleCases.CONTEXT];
    unknown[5] = 97;
    List<Bad> bad = bytes(good, encode(activations(TOPICS.run(), HOOK, WIDTH)));
    bad.add(new Bad(encode(tokens("other", 77)), "run: 'other' (expected: 'poison')"));
    bad.add(new Bad(encode(new EndOfStream("other", 78, 0, 0)), "run: 'other'"));
    bad.add(new Bad(encode(tokens(TOPICS.run(), 77, unknown)), "batch 77: "));
    return bad;
  }

  private List<Bad> badActivations() {
    HookPoint wrong = HookPoint.parse("blocks.0.hook_resid_post");
    List<Bad> bad =
        bytes(encode(activations(TOPICS.run(), HOOK, WIDTH)), encode(tokens(TOPICS.run(), 77)));
    bad.add(new Bad(encode(activations("other", HOOK, WIDTH)), "run: 'other'"));
    bad.add(new Bad(encode(activations(TOPICS.run(), HOOK, 3)), "width: 3 (expected: 40"));
    bad.add(new Bad(encode(activations(TOPICS.run(), wrong, WIDTH)), "hook point: "));
    return bad;
  }

  private List<Bad> badLatents() {
    // No partition carries all of them.
    FeatureRange range = new FeatureRange(0, 1, OracleCases.LATENTS);
    String id = OracleCases.id(CASE);
    List<Bad> bad =
        bytes(
            encode(latents(TOPICS.run(), id, range)),
            encode(activations(TOPICS.run(), HOOK, WIDTH)));
    bad.add(new Bad(encode(latents("other", id, range)), "run: 'other'"));
    bad.add(new Bad(encode(latents(TOPICS.run(), "other", range)), "SAE: 'other'"));
    bad.add(new Bad(encode(latents(TOPICS.run(), id, range)), "feature range: "));
    return bad;
  }

  private static List<Bad> badFeatures() {
    return List.of(
        new Bad(null, "no value"),
        new Bad(new byte[0], "Avro record: "),
        new Bad(new byte[] {1, 2, 3}, "Avro record: "),
        new Bad(encode(tokens(TOPICS.run(), 77)), "Avro record: "));
  }

  /** Those that are no message of the topic's kind. */
  private static List<Bad> bytes(byte[] good, byte[] otherKind) {
    byte[] noise = new byte[300];
    new Random(4).nextBytes(noise);
    return new ArrayList<>(
        List.of(
            new Bad(null, "no value"),
            new Bad(new byte[0], "schema: missing"),
            new Bad(noise, ""),
            new Bad(Arrays.copyOf(good, good.length * 2 / 3), ""),
            new Bad(otherKind, "saeflow.kind: '"),
            new Bad(ofVersion('1', good), "saeflow.version: '1' (expected: ")));
  }

  private static byte[] ofVersion(char version, byte[] message) {
    // A FlatBuffers string of one character is its length, itself and a zero.
    String text = new String(message, StandardCharsets.ISO_8859_1);
    String now = "\1\0\0\0" + "3\0";
    assertThat(text.indexOf(now)).isEqualTo(text.lastIndexOf(now)).isPositive();
    return text.replace(now, "\1\0\0\0" + version + "\0").getBytes(StandardCharsets.ISO_8859_1);
  }

  private static TokenBatch tokens(String run, long number) {
    return tokens(run, number, new int[2 * OracleCases.CONTEXT]);
  }

  private static TokenBatch tokens(String run, long number, int[] tokens) {
    return new TokenBatch(
        run, number, 2 * number, OracleCases.CONTEXT, tokens, List.of(List.of(), List.of()));
  }

  private static ActivationBatch activations(String run, HookPoint hook, int width) {
    return new ActivationBatch(
        tokens(run, 77), hook, width, new float[2 * OracleCases.CONTEXT * width]);
  }

  private static LatentBatch latents(String run, String sae, FeatureRange range) {
    return new LatentBatch(
        tokens(run, 77),
        sae,
        range,
        EncodingSummary.withoutDecoder(0, 0),
        new int[2 * OracleCases.CONTEXT + 1],
        new int[0],
        new float[0]);
  }

  private static byte[] encode(StreamMessage message) {
    return ArrowMessages.encode(message);
  }

  private void send(String topic, int partition, Bad bad) throws Exception {
    RecordMetadata place =
        foreigner.send(new ProducerRecord<>(topic, partition, FOREIGN_KEY, bad.value)).get();
    sent.put("%s-%d@%d".formatted(topic, partition, place.offset()), bad);
  }

  /** Sends the first message of {@code from} to dead letters, as a stage would. */
  private void setAsideByHand(TopicPartition from) throws Exception {
    // What was sent to spoil the stream may have come first.
    ConsumerRecord<byte[], byte[]> good =
        read(from, sent.size() + 1).stream()
            .filter(record -> !sent.containsKey(from + "@" + record.offset()))
            .findFirst()
            .orElseThrow();
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(TOPICS.deadLetters(), 0, good.key(), good.value());
    DeadLetterHeaders.of(from.topic(), from.partition(), good.offset(), "by hand")
        .forEach(letter.headers()::add);
    foreigner.send(letter).get();
  }

  /** Waits for {@code count} letters, and shows more if there are. */
  private List<Letter> letters(int count) {
    List<Letter> letters = new ArrayList<>();
    for (ConsumerRecord<byte[], byte[]> record :
        read(new TopicPartition(TOPICS.deadLetters(), 0), count)) {
      letters.add(
          new Letter(
              "%s-%s@%s"
                  .formatted(
                      header(record, "topic"),
                      header(record, "partition"),
                      header(record, "offset")),
              record.value(),
              header(record, "reason")));
    }
    return letters;
  }

  private List<ConsumerRecord<byte[], byte[]>> read(TopicPartition partition, int count) {
    reader.assign(List.of(partition));
    reader.seekToBeginning(List.of(partition));
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    boolean more = true;
    while (records.size() < count || more) {
      assertThat(System.nanoTime() - deadline)
          .as("%d of %d messages on %s", records.size(), count, partition)
          .isNegative();
      int before = records.size();
      reader.poll(Duration.ofMillis(500)).forEach(records::add);
      more = records.size() > before;
    }
    return records;
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  private static void assertSame(Path expected, Path actual) throws IOException {
    for (String tree : List.of("sae-viewer", "neuron-records")) {
      SameBytesTest.assertSameFiles(
          expected.resolve(tree), actual.resolve(tree), OracleCases.LATENTS);
    }
    SameBytesTest.assertSameFiles(expected.resolve("delphi"), actual.resolve("delphi"), RANGES + 1);
    assertThat(RunVerification.verify(actual).lines()).isEmpty();
  }
}
