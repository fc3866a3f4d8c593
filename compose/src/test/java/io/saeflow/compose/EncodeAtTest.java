// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.Kept;
import io.saeflow.compose.config.SaeConfig;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.role.FeedProcess;
import io.saeflow.compose.role.JoinProcess;
import io.saeflow.compose.role.ProcessRole;
import io.saeflow.compose.role.ProduceRole;
import io.saeflow.compose.role.RoleWork;
import io.saeflow.compose.role.RunContext;
import io.saeflow.compose.role.SinkRole;
import io.saeflow.compose.status.RunStatus;
import io.saeflow.compose.status.StageStatus;
import io.saeflow.compose.status.StatusReader;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.kernels.device.Device;
import io.saeflow.schemas.Topics;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.verify.RunVerification;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who encodes shows in no byte, of the files or of the latents. */
class EncodeAtTest {
  private static final Device CPU = new Device.Cpu();
  private static final List<String> CASES =
      List.of("openai-topk--blocks.1.hook_resid_post", "openai-relu--blocks.1.hook_attn_out");
  private static final Topics TOPICS = new Topics("oracle");
  private static final Set<String> COMMON_TOPICS =
      Set.of("oracle.tokens", "oracle.dead-letters", "oracle.manifest");
  private static final int RANGES = 3;
  private static final Path MODEL = OracleCases.FOLDER.resolve("model");

  @TempDir Path folder;

  @Test
  void aRunHasTheSameFilesAndTheSameLatents() throws Exception {
    Path expected = folder.resolve("process");
    Path actual = folder.resolve("producer");
    Map<String, List<String>> published = runAndRead(EncodeAt.PROCESS, expected);
    assertThat(runAndRead(EncodeAt.PRODUCER, actual)).isEqualTo(published);
    // 26 sequences, three a batch, and the end.
    assertThat(published).hasSize(2 * RANGES).allSatisfy((p, all) -> assertThat(all).hasSize(10));
    assertSame(expected, actual);
  }

  @Test
  void aRunInsideOneProcessResumes() throws Exception {
    Path out = folder.resolve("out");
    Settings settings = OracleCases.run(CASES, out).encodeAt(EncodeAt.PRODUCER);
    OracleCases.execute(settings);
    assertThat(RunVerification.verify(out).lines()).isEmpty();
    Settings resumed = settings.overriddenBy(new Settings());
    resumed.existingOutput(ExistingOutput.RESUME);
    OracleCases.execute(resumed);
    resumed.encodeAt(EncodeAt.PROCESS);
    assertThatThrownBy(() -> OracleCases.execute(resumed))
        .isInstanceOf(BadInputException.class)
        .hasMessageStartingWith(
            "resume: encodeAt is process (expected: producer, as the run began");
  }

  @Test
  void rolesShareTheWork() throws Exception {
    Path expected = folder.resolve("at-once");
    OracleCases.execute(settings(expected));
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder.resolve("broker"))) {
      Map<String, Object> kafka = Map.of("bootstrap.servers", broker.bootstrapServers());
      Settings settings =
          settings(Path.of("unused"))
              .encodeAt(EncodeAt.PRODUCER)
              .text(Setting.BOOTSTRAP_SERVERS, broker.bootstrapServers());
      FeedProcess.run(settings.toRunConfig(), List.of("sink"), false, SaeflowVersion.current());
      // The producers wait for what is aggregated, which is not to take ten seconds each time.
      Map<String, Object> hasty = new HashMap<>(kafka);
      hasty.put("commit.interval.ms", 200);
      RunContext run = new RunContext(hasty, new ManifestTopic(kafka, TOPICS).read().orElseThrow());
      assertRefused(run, settings);

      Path out = folder.resolve("out");
      List<Path> saes = CASES.stream().map(EncodeAtTest::sae).toList();
      try (RoleWork first =
              new ProduceRole("1", MODEL, Optional.empty(), saes, 2, OptionalInt.of(3), CPU)
                  .begin(run);
          RoleWork second =
              new ProduceRole("2", MODEL, Optional.empty(), saes, 1, OptionalInt.empty(), CPU)
                  .begin(run);
          RoleWork process =
              new ProcessRole("1", List.of(), folder.resolve("state"), 2, 1, CPU).begin(run);
          RoleWork sink =
              new SinkRole(
                      "sink",
                      out,
                      EnumSet.complementOf(EnumSet.of(SinkKind.VIEW)),
                      Optional.empty(),
                      false)
                  .begin(run)) {
        PoisonTest.await(sink);
        for (String name : CASES) {
          String id = OracleCases.id(name);
          // Those of a dropped poll may have been encoded twice.
          assertThat(
                  first.gauges().encoders().get(id).tokens()
                      + second.gauges().encoders().get(id).tokens())
              .isGreaterThanOrEqualTo((long) OracleCases.SEQUENCES * OracleCases.CONTEXT);
        }
        assertThat(process.gauges().encoders()).isEmpty();
        assertThat(first.done()).isNotDone();
        assertThat(second.done()).isNotDone();
        assertThat(process.done()).isNotDone();
      }
      assertSame(expected, out);
      try (StatusReader reader = new StatusReader(kafka, TOPICS)) {
        RunStatus status = reader.read(new ManifestTopic(kafka, TOPICS).read().orElseThrow());
        assertThat(status.stages())
            .extracting(StageStatus::stage)
            .containsExactly("produce", "aggregate", "sink sink");
        assertThat(status.complete()).isTrue();
        assertThat(status.progress().tokensDone())
            .isEqualTo((long) OracleCases.SEQUENCES * OracleCases.CONTEXT);
      }
      assertTopics(kafka, EncodeAt.PRODUCER);
    }
  }

  private static void assertRefused(RunContext run, Settings settings) {
    assertThatThrownBy(
            () ->
                new ProduceRole(
                        "1", MODEL, Optional.empty(), List.of(), 1, OptionalInt.empty(), CPU)
                    .begin(run))
        .isInstanceOf(BadInputException.class)
        .hasMessage(
            "sae: missing (expected: --sae PATH, or saes in the --config file: run 'oracle' has encode-at producer)");
    assertThatThrownBy(
            () ->
                new ProduceRole(
                        "1",
                        MODEL,
                        Optional.empty(),
                        List.of(sae(CASES.get(0))),
                        1,
                        OptionalInt.empty(),
                        CPU)
                    .begin(run))
        .isInstanceOf(BadInputException.class)
        .hasMessageStartingWith("sae: none for openai-relu-blocks.1.hook_attn_out (expected: ");
    Path foreign = sae("openai-topk--blocks.0.mlp.hook_post");
    assertThatThrownBy(
            () ->
                new ProduceRole(
                        "1", MODEL, Optional.empty(), List.of(foreign), 1, OptionalInt.empty(), CPU)
                    .begin(run))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("is not of run 'oracle' (expected: one of ");
    SaeConfig late = new SaeConfig("late", foreign, Optional.empty(), "late");
    assertThatThrownBy(
            () -> JoinProcess.run(settings.toStreamConfig(), TOPICS.run(), List.of(late)))
        .isInstanceOf(BadInputException.class)
        .hasMessageStartingWith("run-id: 'oracle' encodes at the producer")
        .hasMessageNotContaining("\n");
  }

  /** Every latent record by its partition, as {@code key value}, in the order of the keys. */
  private Map<String, List<String>> runAndRead(EncodeAt encodeAt, Path out) throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder.resolve(encodeAt + "-broker"))) {
      Map<String, Object> kafka = Map.of("bootstrap.servers", broker.bootstrapServers());
      OracleCases.execute(
          settings(out)
              .encodeAt(encodeAt)
              .keep(List.of(Kept.LATENTS))
              .number(Setting.THREADS, 3)
              .text(Setting.BOOTSTRAP_SERVERS, broker.bootstrapServers()));
      assertTopics(kafka, encodeAt);
      return latents(kafka);
    }
  }

  private static void assertTopics(Map<String, Object> kafka, EncodeAt encodeAt) {
    Set<String> expected = new HashSet<>(COMMON_TOPICS);
    for (String name : CASES) {
      expected.add(TOPICS.latents(OracleCases.id(name)));
      expected.add(TOPICS.features(OracleCases.id(name)));
      if (encodeAt == EncodeAt.PROCESS) {
        expected.add("oracle.activations." + OracleCases.hook(name));
      }
    }
    try (RunTopics topics = new RunTopics(kafka, TOPICS)) {
      assertThat(topics.present())
          .filteredOn(topic -> !topic.endsWith("-changelog"))
          .containsExactlyInAnyOrderElementsOf(expected);
    }
  }

  private static Map<String, List<String>> latents(Map<String, Object> kafka) {
    Map<String, Object> readCommitted = new HashMap<>(kafka);
    readCommitted.put("isolation.level", "read_committed");
    Map<String, List<String>> read = new TreeMap<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            readCommitted, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (String name : CASES) {
        for (int p = 0; p < RANGES; p++) {
          partitions.add(new TopicPartition(TOPICS.latents(OracleCases.id(name)), p));
        }
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          HexFormat hex = HexFormat.of();
          read.computeIfAbsent(record.topic() + "-" + record.partition(), p -> new ArrayList<>())
              .add(hex.formatHex(record.key()) + " " + hex.formatHex(record.value()));
        }
      }
    }
    read.values().forEach(records -> records.sort(null));
    return read;
  }

  private static Settings settings(Path out) {
    return OracleCases.run(CASES, out)
        .sinks(List.of("sae-viewer", "neuron-records", "delphi"))
        .number(Setting.PARTITIONS, 2)
        .number(Setting.FEATURE_RANGES, RANGES);
  }

  private static Path sae(String name) {
    return OracleCases.FOLDER.resolve("cases").resolve(name).resolve("sae");
  }

  private static void assertSame(Path expected, Path actual) throws IOException {
    for (String tree : List.of("sae-viewer", "neuron-records")) {
      SameBytesTest.assertSameFiles(
          expected.resolve(tree), actual.resolve(tree), 2 * OracleCases.LATENTS);
    }
    SameBytesTest.assertSameFiles(
        expected.resolve("delphi"), actual.resolve("delphi"), 2 * (RANGES + 1));
    assertThat(actual.resolve("manifest.json"))
        .hasSameBinaryContentAs(expected.resolve("manifest.json"));
    assertThat(RunVerification.verify(actual).lines()).isEmpty();
  }
}
