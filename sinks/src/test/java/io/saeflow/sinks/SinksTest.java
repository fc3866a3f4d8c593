// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.feature.SaeStatistics;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.manifest.ManifestFile;
import io.saeflow.sinks.manifest.SinkFiles;
import io.saeflow.sinks.topic.MockTopic;
import io.saeflow.sinks.view.FeatureCounts;
import io.saeflow.sinks.view.ProgressLog;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.apache.kafka.common.errors.AuthorizationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class SinksTest {
  private static final Set<SinkKind> ALL = EnumSet.allOf(SinkKind.class);

  @TempDir Path root;

  private final RunManifest manifest =
      Fixtures.manifest(
              Fixtures.sae("a", 3, 2).build(),
              Fixtures.sae("b", 2, 1).setHook("blocks.0.mlp.hook_post").build())
          .build();

  @Test
  void writesEveryFormatOfEveryAutoencoder() throws Exception {
    try (Sinks sinks = start(ALL, topics())) {
      assertThat(sinks.done().get(20, TimeUnit.SECONDS)).isNull();
      ManifestFile.write(new OutputFolder(root), manifest, sinks.files());
      assertThat(sinks.files())
          .contains(
              new SinkFiles("delphi", "a", "delphi/latents/blocks.1.hook_resid_post", 3, true),
              new SinkFiles(
                  "neuron-records", "b", "neuron-records/b/collated_activations/0", 2, true));
      assertThat(Fixtures.tree(root).keySet())
          .filteredOn(file -> !file.startsWith(".spool"))
          .hasSize(3 + 6 + sinks.files().stream().mapToInt(SinkFiles::files).sum());
    }
    Map<String, byte[]> first = Fixtures.tree(root);
    assertThat(first.keySet())
        .containsExactly(
            "checksums/delphi/a.sha256",
            "checksums/delphi/b.sha256",
            "checksums/neuron-records/a.sha256",
            "checksums/neuron-records/b.sha256",
            "checksums/sae-viewer/a.sha256",
            "checksums/sae-viewer/b.sha256",
            "delphi/latents/blocks.0.mlp.hook_post/0_1.safetensors",
            "delphi/latents/blocks.0.mlp.hook_post/config.json",
            "delphi/latents/blocks.1.hook_resid_post/0_0.safetensors",
            "delphi/latents/blocks.1.hook_resid_post/1_2.safetensors",
            "delphi/latents/blocks.1.hook_resid_post/config.json",
            "manifest.json",
            "neuron-records/a/collated_activations/1/0.json",
            "neuron-records/a/collated_activations/1/1.json",
            "neuron-records/a/collated_activations/1/2.json",
            "neuron-records/b/collated_activations/0/0.json",
            "neuron-records/b/collated_activations/0/1.json",
            "sae-viewer/gpt2-small/family/a/atoms/0.json",
            "sae-viewer/gpt2-small/family/a/atoms/1.json",
            "sae-viewer/gpt2-small/family/a/atoms/2.json",
            "sae-viewer/gpt2-small/family/b/atoms/0.json",
            "sae-viewer/gpt2-small/family/b/atoms/1.json",
            "view/a.records",
            "view/b.records",
            "view/run.json",
            "view/vocabulary.json");

    try (Sinks again = start(ALL, topics())) {
      assertThat(again.done().get(20, TimeUnit.SECONDS)).isNull();
    }
    Map<String, byte[]> second = Fixtures.tree(root);
    assertThat(second).containsOnlyKeys(first.keySet());
    first.forEach((path, bytes) -> assertThat(second.get(path)).as(path).isEqualTo(bytes));
  }

  @Test
  void writesOnlyWhatIsAskedFor() throws Exception {
    try (Sinks sinks = start(EnumSet.of(SinkKind.SAE_VIEWER), topics())) {
      assertThat(sinks.done().get(20, TimeUnit.SECONDS)).isNull();
      assertThat(sinks.files()).extracting(SinkFiles::sink).containsOnly("sae-viewer");
    }
    assertThat(root).isDirectoryNotContaining(path -> !path.endsWith("sae-viewer"));
  }

  @Test
  void failsWithTheFirstErrorWhileOthersWait() throws Exception {
    Map<String, MockTopic> topics = emptyTopics();
    MockTopic refused = topic(topics, "run.features.b");
    refused
        .consumer()
        .schedulePollTask(
            () -> refused.consumer().setPollException(new AuthorizationException("no")));
    try (Sinks sinks = start(ALL, topics)) {
      assertThatThrownBy(() -> sinks.done().get(20, TimeUnit.SECONDS))
          .isInstanceOf(ExecutionException.class)
          .cause()
          .isInstanceOf(AuthorizationException.class);
      assertThatThrownBy(sinks::files).isInstanceOf(IllegalStateException.class);
    }
    assertOnlyForViewers();
  }

  @Test
  void closingEarlyCancelsAndLeavesNothing() throws Exception {
    Sinks sinks = start(ALL, emptyTopics());
    assertThat(sinks.done()).isNotDone();
    sinks.close();
    assertThatThrownBy(() -> sinks.done().get(20, TimeUnit.SECONDS))
        .isInstanceOf(CancellationException.class);
    assertOnlyForViewers();
  }

  @Test
  void keepsWhatAViewerShows() throws Exception {
    Map<String, MockTopic> topics = emptyTopics();
    topics.put("run.features.a", topics().get("run.features.a"));
    topic(topics, "run.features.b")
        .add(0, AvroCodec.FEATURE.encode(Fixtures.twoAndFour(0).setComplete(false).build()))
        .add(0, AvroCodec.FEATURE.encode(Fixtures.twoAndFour(1).build()))
        .add(0, AvroCodec.FEATURE.encode(Fixtures.dead(0).build()));
    try (Sinks sinks = start(EnumSet.of(SinkKind.VIEW), topics);
        ProgressLog log = sinks.openProgressLog().orElseThrow()) {
      assertThat(sinks.done().get(20, TimeUnit.SECONDS)).isNull();
      assertThat(sinks.featureCounts())
          .isEqualTo(Map.of("a", new FeatureCounts(1, 2, 1), "b", new FeatureCounts(1, 1, 1)));
      assertThat(sinks.encodingStatistics())
          .containsOnlyKeys("a", "b")
          .containsEntry("b", new EncodingStatistics(5, 0, 12, 4, 1));
      assertThat(sinks.withStatistics(manifest).getSaes())
          .extracting(SaeManifest::getStatistics)
          .containsOnly(new SaeStatistics(5L, 0L, 2.4, 4L, 0.25));
      assertThat(sinks.files()).contains(new SinkFiles("view", "a", "view/a.records", 1, false));
      log.append(5, OptionalLong.of(10), 1, 2, true);
    }
    // A length, then the record, for each message of the topic.
    byte[] first = AvroCodec.FEATURE.encode(Fixtures.twoAndFour(0).setComplete(false).build());
    byte[] records = Files.readAllBytes(root.resolve("view/b.records"));
    assertThat(ByteBuffer.wrap(records).getInt()).isEqualTo(first.length);
    assertThat(Arrays.copyOfRange(records, 4, 4 + first.length)).isEqualTo(first);
    assertThat(root.resolve("view/progress.jsonl"))
        .content()
        .matches(
            "\\{\"at\":\\d{13},\"tokens\":5,\"total\":10,\"modelLag\":1,\"featureLag\":2,\"complete\":true,"
                + "\"saes\":\\{\"a\":\\{\"alive\":1,\"dead\":2,\"dense\":1,\"l0\":2.4,\"normalizedMse\":0.25},"
                + "\"b\":\\{\"alive\":1,\"dead\":1,\"dense\":1,\"l0\":2.4,\"normalizedMse\":0.25}}}\n");
    assertThat(root.resolve("view/vocabulary.json")).content().startsWith("[\"t0\",\"t1\",");
  }

  @Test
  void anEndBeforeTheRunsTotalsIsNotItsEnd() throws Exception {
    AtomicReference<Optional<RunTotals>> totals = new AtomicReference<>(Optional.empty());
    try (Sinks sinks = start(ALL, topics(), AtTheEnd.CLEAN_UP, totals::get)) {
      awaitFile("view/b.records");
      Thread.sleep(300);
      assertThat(sinks.done()).isNotDone();
      totals.set(Optional.of(new RunTotals(1L, 2L, 8L)));
      Thread.sleep(300);
      assertThat(sinks.done()).isNotDone();
      assertThat(sinks.upToDate()).isFalse();
      assertThatThrownBy(sinks::files).isInstanceOf(IllegalStateException.class);
      totals.set(Optional.of(new RunTotals(1L, 1L, 4L)));
      assertThat(sinks.done().get(20, TimeUnit.SECONDS)).isNull();
      assertThat(sinks.upToDate()).isTrue();
    }
    assertThat(root.resolve(".spool")).doesNotExist();
  }

  @Test
  void followingWritesAnewWhatAppendedTextChanges() throws Exception {
    Map<String, MockTopic> topics = topics();
    AtomicReference<Optional<RunTotals>> totals =
        new AtomicReference<>(Optional.of(new RunTotals(1L, 1L, 4L)));
    try (Sinks sinks = start(ALL, topics, AtTheEnd.FOLLOW, totals::get)) {
      awaitUpToDate(sinks);
      String before = Files.readString(root.resolve("sae-viewer/gpt2-small/family/b/atoms/0.json"));
      totals.set(Optional.of(new RunTotals(2L, 2L, 8L)));
      assertThat(sinks.upToDate()).isFalse();
      appendTo(topics);
      awaitUpToDate(sinks);
      assertThat(sinks.done()).isNotDone();
      assertThat(root.resolve("sae-viewer/gpt2-small/family/b/atoms/0.json"))
          .content()
          .isNotEqualTo(before);
      assertThat(root.resolve("delphi/latents/blocks.1.hook_resid_post/config.json"))
          .content()
          .contains("\"n_tokens\": 8");
      ManifestFile.write(new OutputFolder(root), manifest, sinks.files());
    }
    assertThat(root.resolve(".spool/delphi/a/checkpoint")).exists();
  }

  /** A second sequence for everything. */
  private static void appendTo(Map<String, MockTopic> topics) {
    for (int latent = 0; latent < 3; latent++) {
      topic(topics, "run.features.a").add(latent == 0 ? 0 : 1, later(latent));
    }
    topic(topics, "run.features.b").add(0, later(0)).add(0, later(1));
    byte[] end = ArrowMessages.encode(new EndOfStream("run", 3, 2, 8));
    topic(topics, "run.latents.a")
        .add(0, latents("a", new FeatureRange(0, 2, 3), 2, 1))
        .add(0, end)
        .add(1, latents("a", new FeatureRange(1, 2, 3), 2, 1))
        .add(1, end);
    topic(topics, "run.latents.b")
        .add(0, latents("b", new FeatureRange(0, 1, 2), 2, 1))
        .add(0, end);
  }

  private static byte[] later(int latent) {
    return AvroCodec.FEATURE.encode(
        Fixtures.twoAndFour(latent).setSequences(2).setTokens(8).build());
  }

  private static void awaitUpToDate(Sinks sinks) throws InterruptedException {
    for (int tries = 0; tries < 200 && !sinks.upToDate(); tries++) {
      Thread.sleep(50);
    }
    assertThat(sinks.upToDate()).isTrue();
  }

  private void awaitFile(String file) throws InterruptedException {
    for (int tries = 0; tries < 200 && !Files.exists(root.resolve(file)); tries++) {
      Thread.sleep(50);
    }
    assertThat(root.resolve(file)).exists();
  }

  @Test
  void hasNoProgressLogWithoutAViewer() throws Exception {
    try (Sinks sinks = start(EnumSet.of(SinkKind.DELPHI), topics())) {
      assertThat(sinks.openProgressLog()).isEmpty();
    }
  }

  @Test
  void cleansUpWhenAReaderCannotStart() {
    Map<String, MockTopic> topics = topics();
    topics.remove("run.latents.b");
    assertThatThrownBy(() -> start(EnumSet.of(SinkKind.DELPHI), topics))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("run.latents.b");
    assertThat(root.resolve(".spool/delphi/b")).doesNotExist();
  }

  @Test
  void refusesNamesThatLeaveTheOutputFolderBeforeAnythingIsMade() {
    RunManifest subject =
        Fixtures.manifest(Fixtures.sae("a", 3, 2).build()).setSubject("../gpt2").build();
    assertThatThrownBy(() -> Sinks.requireWritable(ALL, subject))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("subject: '../gpt2'");
    RunManifest path =
        Fixtures.manifest(Fixtures.sae("a", 3, 2).setSaePath("x/../../y").build()).build();
    assertThatThrownBy(
            () ->
                Sinks.start(
                    new SinksConfig(Map.of("bootstrap.servers", "localhost:1"), root, ALL),
                    path,
                    id -> "",
                    20,
                    Optional::empty))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("SAE path: 'x/../../y'");
    RunManifest id = Fixtures.manifest(Fixtures.sae("../a", 3, 2).build()).build();
    assertThatThrownBy(() -> Sinks.requireWritable(EnumSet.of(SinkKind.DELPHI), id))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("SAE id: '../a'");
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void refusesTwoAutoencodersInOneFolder() {
    RunManifest same =
        Fixtures.manifest(
                Fixtures.sae("a", 3, 1).setSaePath("x").build(),
                Fixtures.sae("b", 3, 1).setSaePath("x").build())
            .build();
    assertThatThrownBy(() -> Sinks.requireWritable(ALL, same))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "sae-viewer/gpt2-small/x/atoms: written by SAE 'a' and SAE 'b' (expected: a folder each)");
    RunManifest twice =
        Fixtures.manifest(Fixtures.sae("a", 3, 1).build(), Fixtures.sae("a", 3, 1).build()).build();
    assertThatThrownBy(() -> Sinks.requireWritable(EnumSet.of(SinkKind.DELPHI), twice))
        .hasMessageContaining("written by SAE 'a' and SAE 'a'");
  }

  @Test
  void namesItsKinds() {
    assertThat(SinkKind.parse("delphi")).isEqualTo(SinkKind.DELPHI);
    assertThatThrownBy(() -> SinkKind.parse("parquet"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("sink: 'parquet' (expected: sae-viewer, neuron-records, delphi, view)");
    assertThatThrownBy(() -> new SinksConfig(Map.of(), root, Set.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("sinks: none (expected: at least one)");
  }

  private Sinks start(Set<SinkKind> kinds, Map<String, MockTopic> topics) throws IOException {
    return start(kinds, topics, AtTheEnd.CLEAN_UP, () -> Optional.of(new RunTotals(1L, 1L, 4L)));
  }

  private Sinks start(
      Set<SinkKind> kinds,
      Map<String, MockTopic> topics,
      AtTheEnd atTheEnd,
      Supplier<Optional<RunTotals>> totals)
      throws IOException {
    return Sinks.start(
        new SinksConfig(Map.of(), root, kinds, "sink", atTheEnd),
        manifest,
        id -> "t" + id,
        20,
        totals,
        (name, partitions, contents, last, rejected) -> topic(topics, name).read(contents, last));
  }

  private void assertOnlyForViewers() throws IOException {
    assertThat(Fixtures.tree(root))
        .containsOnlyKeys(
            "view/a.records", "view/b.records", "view/run.json", "view/vocabulary.json");
  }

  private static MockTopic topic(Map<String, MockTopic> topics, String name) {
    return Objects.requireNonNull(topics.get(name), name);
  }

  private static Map<String, MockTopic> emptyTopics() {
    Map<String, MockTopic> topics = new HashMap<>();
    topics.put("run.features.a", new MockTopic("run.features.a", 2));
    topics.put("run.latents.a", new MockTopic("run.latents.a", 2));
    topics.put("run.features.b", new MockTopic("run.features.b", 1));
    topics.put("run.latents.b", new MockTopic("run.latents.b", 1));
    return topics;
  }

  private static Map<String, MockTopic> topics() {
    Map<String, MockTopic> topics = emptyTopics();
    topic(topics, "run.features.a")
        .add(1, AvroCodec.FEATURE.encode(Fixtures.dead(2).build()))
        .add(0, AvroCodec.FEATURE.encode(Fixtures.twoAndFour(0).build()))
        .add(1, AvroCodec.FEATURE.encode(Fixtures.dead(1).build()));
    topic(topics, "run.features.b")
        .add(0, AvroCodec.FEATURE.encode(Fixtures.twoAndFour(1).build()))
        .add(0, AvroCodec.FEATURE.encode(Fixtures.dead(0).build()));
    byte[] end = ArrowMessages.encode(new EndOfStream("run", 1, 1, 4));
    topic(topics, "run.latents.a")
        .add(0, latents("a", new FeatureRange(0, 2, 3)))
        .add(0, end)
        .add(1, end)
        .add(1, latents("a", new FeatureRange(1, 2, 3)));
    topic(topics, "run.latents.b").add(0, latents("b", new FeatureRange(0, 1, 2))).add(0, end);
    return topics;
  }

  /** One sequence; the range's first latent fires on its third token. */
  private static byte[] latents(String sae, FeatureRange range) {
    return latents(sae, range, 0, 0);
  }

  private static byte[] latents(String sae, FeatureRange range, long number, long sequence) {
    TokenBatch tokens =
        new TokenBatch("run", number, sequence, 4, new int[] {1, 2, 3, 4}, List.of(List.of()));
    return ArrowMessages.encode(
        new LatentBatch(
            tokens,
            sae,
            range,
            EncodingSummary.withoutDecoder(0, 1),
            new int[] {0, 0, 0, 1, 1},
            new int[] {range.from()},
            new float[] {1.5f}));
  }
}
