// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.schemas.tensorfile.Dtype;
import io.saeflow.schemas.tensorfile.Half;
import io.saeflow.schemas.tensorfile.SafetensorsWriter;
import io.saeflow.schemas.tensorfile.SafetensorsWriter.Declaration;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.delphi.LatentCache;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.manifest.ManifestFile;
import io.saeflow.sinks.manifest.SinkFiles;
import io.saeflow.sinks.neuronrecord.NeuronRecordSink;
import io.saeflow.sinks.saeviewer.AtomSink;
import io.saeflow.sinks.view.ViewFiles;
import io.saeflow.sinks.view.ViewSink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A run of two sequences of four tokens and three features: 0 is 2 on token 1 of sequence 0 and 4
 * on token 2 of sequence 1; 1 is dead; 2 is 0.5 on token 0 of sequence 1.
 */
class RunVerificationTest {
  private static final String ATOMS = "sae-viewer/gpt2-small/family/a/atoms/";
  private static final String NEURONS = "neuron-records/a/collated_activations/1/";
  private static final String SHARDS = "delphi/latents/blocks.1.hook_resid_post/";

  @TempDir Path root;

  private final SaeManifest sae = Fixtures.sae("a", 3, 2).build();
  private final RunManifest manifest =
      Fixtures.manifest(sae).setTotals(new RunTotals(1L, 2L, 8L)).build();
  private final List<SinkFiles> listed =
      List.of(
          new SinkFiles("sae-viewer", "a", "sae-viewer/gpt2-small/family/a/atoms", 3, true),
          new SinkFiles("neuron-records", "a", "neuron-records/a/collated_activations/1", 3, true),
          new SinkFiles("delphi", "a", "delphi/latents/blocks.1.hook_resid_post", 3, true),
          new SinkFiles("view", "a", "view/a.records", 1, false));

  @BeforeEach
  void writeARun() throws Exception {
    OutputFolder out = new OutputFolder(root);
    AtomSink atoms = new AtomSink(out, "gpt2-small", "family/a", id -> "t" + id);
    NeuronRecordSink neurons =
        new NeuronRecordSink(out, "a", HookPoint.parse(sae.getHook()), id -> "t" + id);
    try (ViewSink view = new ViewSink(out, "a", 3)) {
      FeatureRecord early =
          Fixtures.dead(0).setSequences(1).setTokens(4).setComplete(false).build();
      view.add(early, AvroCodec.FEATURE.encode(early));
      for (FeatureRecord record : List.of(first(), dead().build(), last())) {
        atoms.write(record);
        neurons.write(record);
        view.add(record, AvroCodec.FEATURE.encode(record));
      }
    }
    TokenBatch tokens =
        new TokenBatch(
            "run", 0, 0, 4, new int[] {1, 2, 3, 4, 5, 6, 7, 8}, List.of(List.of(), List.of()));
    FeatureRange lower = new FeatureRange(0, 2, 3);
    FeatureRange upper = new FeatureRange(1, 2, 3);
    int[] lowerOffsets = {0, 0, 1, 1, 1, 1, 1, 2, 2};
    int[] upperOffsets = {0, 0, 0, 0, 0, 1, 1, 1, 1};
    try (LatentCache cache = new LatentCache(out, manifest, sae)) {
      byte[] end = ArrowMessages.encode(new EndOfStream("run", 1, 2, 8));
      cache.read(
          0,
          ArrowMessages.encode(
              new LatentBatch(
                  tokens,
                  "a",
                  lower,
                  EncodingSummary.withoutDecoder(0, 2),
                  lowerOffsets,
                  new int[] {0, 0},
                  new float[] {2, 4})));
      cache.read(0, end);
      cache.read(
          1,
          ArrowMessages.encode(
              new LatentBatch(
                  tokens,
                  "a",
                  upper,
                  EncodingSummary.withoutDecoder(0, 1),
                  upperOffsets,
                  new int[] {2},
                  new float[] {0.5f})));
      cache.read(1, end);
      assertThat(cache.completeSequences()).isEqualTo(2);
    }
    ViewFiles.write(out, manifest, id -> "t" + id, 20);
    ManifestFile.write(out, manifest, listed);
  }

  @Test
  void aRunThatWasWrittenIsSound() throws IOException {
    Report report = RunVerification.verify(root);

    assertThat(report.lines()).isEmpty();
    assertThat(report.sound()).isTrue();
    // The manifest, three lists of checksums, 3 + 3 + 3 files, and three of the viewer.
    assertThat(report.files()).isEqualTo(1 + 3 + 9 + 3);
  }

  @Test
  void everyFlippedBitOfAListedFileIsFound() throws IOException {
    Random random = new Random(1);
    for (String file :
        List.of(
            ATOMS + "0.json",
            NEURONS + "2.json",
            SHARDS + "0_0.safetensors",
            SHARDS + "config.json",
            "checksums/delphi/a.sha256")) {
      byte[] sound = read(file);
      byte[] flipped = sound.clone();
      flipped[random.nextInt(flipped.length)] ^= (byte) (1 << random.nextInt(8));
      Files.write(root.resolve(file), flipped);

      assertThat(RunVerification.verify(root).lines())
          .anyMatch(
              line ->
                  line.matches(
                      file + ": SHA-256 [0-9a-f]{64} \\(expected: [0-9a-f]{64}, as listed\\)"));

      Files.write(root.resolve(file), sound);
    }
    assertThat(RunVerification.verify(root).sound()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    ATOMS + "1.json",
    NEURONS + "0.json",
    SHARDS + "1_2.safetensors",
    SHARDS + "config.json",
    "checksums/sae-viewer/a.sha256",
    "view/a.records",
    "view/run.json"
  })
  void aMissingFileIsFound(String file) throws IOException {
    Files.delete(root.resolve(file));

    assertThat(RunVerification.verify(root).lines())
        .contains(file + ": missing (expected: a file, as the manifest lists)");
  }

  @ParameterizedTest
  @CsvSource({
    ATOMS + "3.json",
    ATOMS + "00.json",
    SHARDS + "0_1.safetensors",
    "sae-viewer/x.json",
    "delphi/latents/other/0_2.safetensors",
    "checksums/sae-viewer/b.sha256",
    "view/b.records"
  })
  void anotherFileIsFound(String file) throws IOException {
    Files.createDirectories(root.resolve(file).getParent());
    Files.writeString(root.resolve(file), "{}");

    assertThat(RunVerification.verify(root).lines())
        .containsExactly(file + ": another file (expected: only what manifest.json lists)");
  }

  @Test
  void noLinkIsFollowed() throws IOException {
    Path elsewhere = root.resolve("elsewhere");
    Files.move(root.resolve(ATOMS + "0.json"), elsewhere);
    Files.createSymbolicLink(root.resolve(ATOMS + "0.json"), elsewhere);
    Files.createSymbolicLink(root.resolve(SHARDS + "more"), root.resolve("view"));

    assertThat(RunVerification.verify(root).lines())
        .containsExactly(
            ATOMS + "0.json: a symbolic link (expected: a file)",
            SHARDS + "more: a symbolic link (expected: only what manifest.json lists)");

    Files.move(root.resolve("neuron-records"), root.resolve("moved"));
    Files.createSymbolicLink(root.resolve("neuron-records"), root.resolve("moved"));
    assertThat(RunVerification.verify(root).lines())
        .contains(
            "checksums/neuron-records/a.sha256: neuron-records is a symbolic link (expected: a folder)");
  }

  @Test
  void nothingOutsideTheFolderIsNamed() throws IOException {
    replace(
        "manifest.json",
        "\"folder\": \"sae-viewer/gpt2-small/family/a/atoms\"",
        "\"folder\": \"../x\"");
    assertOnly(
        "manifest.json: 3 files of sink 'sae-viewer' in ../x (expected: 3 in sae-viewer/gpt2-small/family/a/atoms)");
    writeManifest();
    replace("manifest.json", "\"saePath\": \"family/a\"", "\"saePath\": \"../../a\"");
    assertOnlyStarting("manifest.json: SAE path: '../../a' (expected: ");
    writeManifest();
    replace("checksums/sae-viewer/a.sha256", ATOMS + "0.json", ATOMS + "../../../../../x");
    assertThat(RunVerification.verify(root).lines())
        .noneMatch(line -> line.startsWith(ATOMS + ".."))
        .hasSize(1)
        .first()
        .asString()
        .startsWith("checksums/sae-viewer/a.sha256: SHA-256");
  }

  @Test
  void anUnsortedShardIsFound() throws Exception {
    writeShard(new int[] {1, 2, 0, 0, 1, 0}, 4, 2);
    writeManifest();

    assertOnly(
        SHARDS
            + "0_0.safetensors: entry 1: sequence 0, position 1, latent 0 after 1, 2, 0 (expected: ascending)");
  }

  @Test
  void aLatentOfAnotherShardIsFound() throws Exception {
    writeShard(new int[] {0, 1, 0, 1, 2, 1}, 2, 4);
    writeManifest();

    assertOnly(
        SHARDS
            + "0_0.safetensors: entry 1: sequence 1, position 2, latent 1 (expected: below 2, 4, 1)");
  }

  @Test
  void aFiringThatTheStatisticsDoNotCountIsFound() throws Exception {
    writeShard(new int[] {0, 1, 0, 1, 2, 0, 1, 3, 0}, 2, 4, 1);
    writeManifest();

    assertOnly(
        SHARDS
            + "0_0.safetensors: latent 0 above zero on 3 tokens (expected: 2, as in the files of sae-viewer)");
  }

  @Test
  void aTruncatedShardIsFound() throws Exception {
    byte[] shard = read(SHARDS + "0_0.safetensors");
    Files.write(root.resolve(SHARDS + "0_0.safetensors"), Arrays.copyOf(shard, shard.length - 2));
    writeManifest();

    assertOnlyStarting(SHARDS + "0_0.safetensors: 78 bytes of tensors (expected: 80");
  }

  @Test
  void otherTokensInOneShardAreFound() throws Exception {
    try (SafetensorsWriter writer = shard(SHARDS + "1_2.safetensors", 1)) {
      ByteBuffer bytes = ByteBuffer.allocate(64 + 6 + 2).order(ByteOrder.LITTLE_ENDIAN);
      for (int token = 2; token < 10; token++) {
        bytes.putLong(token);
      }
      bytes.putShort((short) 1).putShort((short) 0).putShort((short) 1).putShort((short) 0x3800);
      writer.write(bytes.flip());
    }
    writeManifest();

    assertOnlyStarting(SHARDS + "1_2.safetensors: tokens: SHA-256 ");
  }

  @Test
  void wrongTotalsAreFound() throws IOException {
    replace("manifest.json", "\"sequences\": 2", "\"sequences\": 3");
    assertOnly("manifest.json: tokens: 8 (expected: 12, for 3 sequences of 4)");
    replace("manifest.json", "\"tokens\": 8", "\"tokens\": 12");
    assertThat(RunVerification.verify(root).lines())
        .anyMatch(line -> line.startsWith("view/a.records: record at "))
        .anyMatch(line -> line.endsWith("8 tokens and 0 not finite (expected: 12 together)"))
        .contains(
            SHARDS + "0_0.safetensors: tokens: I64 [2, 4] (expected: I64 [3, 4])",
            SHARDS + "config.json: n_tokens 8 (expected: 12, as manifest.json says)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"density\":0.25 | \"density\":0.3 | density 0.3 (expected: 2, the histogram's sum, over a number of tokens)",
        "\"density\":0.25 | \"density\":0.2 | statistics over 10 tokens (expected: at most 8, the run's total)",
        "\"hist\":{\"10\":1,\"20\":1} | \"hist\":{\"10\":2} | hist: last bin 10 (expected: 20, where the largest activation 4.0 is)",
        "\"hist\":{\"10\":1,\"20\":1} | \"hist\":{\"10\":0,\"20\":2} | hist: 0 in bin 10 (expected: above 0)",
        "\"act\":4.0 | \"act\":3.0 | random 1: activation 3.0 (expected: above 0, and the 4.0 at its position)",
        "\"idx\":2 | \"idx\":9 | random 1: position 9 (expected: inside the window of 4)",
        "\"kurtosis\": | \"kurtosis\":0.1,\"more\": | fields [density, hist, kurtosis, mean_act, mean_act_squared, more, random, skew, top] (expected: [density, hist, kurtosis, mean_act, mean_act_squared, random, skew, top])",
        "\"mean_act_squared\":2.5 | \"mean_act_squared\":0.1 | mean_act_squared 0.1 (expected: at least 0.5625, the square of mean_act)",
        "\"token_ints\":[10,11,12,13] | \"token_ints\":[10,11,12] | random 0: 4 tokens (expected: 3, one a token id)",
      })
  void aFeatureThatContradictsItselfIsFound(String from, String to, String problem)
      throws IOException {
    replace(ATOMS + "0.json", from, to);
    writeManifest();

    assertThat(RunVerification.verify(root).lines())
        .first()
        .isEqualTo(ATOMS + "0.json: " + problem);
  }

  @Test
  void topSequencesOutOfOrderAreFound() throws IOException {
    FeatureRecord sound = first();
    FeatureRecord record =
        FeatureRecord.newBuilder(sound)
            .setTop(List.of(sound.getTop().get(1), sound.getTop().get(0)))
            .build();
    new AtomSink(new OutputFolder(root), "gpt2-small", "family/a", id -> "t" + id).write(record);
    new NeuronRecordSink(
            new OutputFolder(root), "a", HookPoint.parse(sae.getHook()), id -> "t" + id)
        .write(record);
    writeManifest();

    assertThat(RunVerification.verify(root).lines())
        .containsExactly(
            ATOMS + "0.json: top 1: activation 4.0 (expected: at most 2.0, descending)",
            NEURONS + "0.json: top 1: activation 4.0 (expected: at most 2.0, descending)");
  }

  @Test
  void aNeuronRecordOfAnotherFeatureIsFound() throws IOException {
    Files.write(root.resolve(NEURONS + "2.json"), read(NEURONS + "0.json"));
    writeManifest();

    assertOnly(NEURONS + "2.json: neuron_id: layer 1, neuron 0 (expected: layer 1, neuron 2)");
  }

  @Test
  void aRecordLogThatEndsTooEarlyIsFound() throws IOException {
    byte[] log = read("view/a.records");
    Files.write(root.resolve("view/a.records"), Arrays.copyOf(log, log.length - 1));
    assertThat(RunVerification.verify(root).lines())
        .singleElement()
        .asString()
        .startsWith("view/a.records: %d bytes (expected: ".formatted(log.length - 1));

    FeatureRecord other = FeatureRecord.newBuilder(last()).setActive(2L).build();
    byte[] bytes = AvroCodec.FEATURE.encode(other);
    Files.write(root.resolve("view/a.records"), log);
    Files.write(
        root.resolve("view/a.records"),
        ByteBuffer.allocate(4 + bytes.length).putInt(bytes.length).put(bytes).array(),
        StandardOpenOption.APPEND);
    assertOnly(
        "view/a.records: record at %d: latent 2: 1 values in the histogram (expected: 2, as many as are above zero)"
            .formatted(log.length + 4));
  }

  @Test
  void manyProblemsAreCountedAndTheFirstTold() throws IOException {
    Path lines = root.resolve("sae-viewer");
    for (int i = 0; i < 70; i++) {
      Files.writeString(lines.resolve(i + "\u001b[2J.json"), "");
    }
    Report report = RunVerification.verify(root);

    assertThat(report.problems()).isEqualTo(70);
    assertThat(report.lines())
        .hasSize(50)
        .allMatch(line -> line.contains("?[2J.json: another file"));
  }

  @Test
  void aFolderWithoutAManifestIsNoFinishedRun() throws IOException {
    Files.delete(root.resolve("manifest.json"));
    assertThatThrownBy(() -> RunVerification.verify(root))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("(expected: the manifest of a finished run, which is written last)");
    assertThatThrownBy(() -> RunVerification.verify(root.resolve("nowhere")))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("no folder (expected: a run's output)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"latents\": 3 | \"latents\": 2000000000 | latents of SAE 'a': 2000000000 (expected: 1 to 16777216)",
        "\"window\": 64 | \"window\": \"x\" | window: STRING (expected: a 32-bit integer)",
        "\"window\": 64 | \"window\": 0 | window: 0 (expected: at least 1)",
        "\"featureRanges\": 2 | \"featureRanges\": 4 | featureRanges of SAE 'a': 4 (expected: 1 to 3, the latents)",
        "\"sink\": \"delphi\" | \"sink\": \"view\" | files of sink 'delphi', SAE 'a': 0 entries (expected: one for each SAE, or none)",
        "\"seed\": 7, | `` | fields",
      })
  void aManifestThatCannotBeIsFound(String from, String to, String problem) throws IOException {
    replace("manifest.json", from, to);
    if (!problem.startsWith("files of")) {
      assertOnlyStarting("manifest.json: " + problem);
    } else {
      assertThat(RunVerification.verify(root).sound()).isFalse();
    }
  }

  private FeatureRecord.Builder dead() {
    return Fixtures.dead(1).setSequences(2).setTokens(8);
  }

  private FeatureRecord first() {
    return Fixtures.twoAndFour(0)
        .setSequences(2)
        .setTokens(8)
        .setTop(
            List.of(Fixtures.example(1, 2, 2, 0, 0, 4, 0), Fixtures.example(0, 1, 1, 0, 2, 0, 0)))
        .setRandom(
            List.of(Fixtures.example(0, 1, 1, 0, 2, 0, 0), Fixtures.example(1, 2, 2, 0, 0, 4, 0)))
        .build();
  }

  private FeatureRecord last() {
    return dead()
        .setLatent(2)
        .setActive(1)
        .setMax(0.5f)
        .setSum1(0.5)
        .setSum2(0.25)
        .setSum3(0.125)
        .setSum4(0.0625)
        .setHistogramBins(List.of(3))
        .setHistogramCounts(List.of(1L))
        .setTop(List.of(Fixtures.example(1, 0, 0, 0.5f, 0, 0, 0)))
        .setRandom(List.of(Fixtures.example(1, 0, 0, 0.5f, 0, 0, 0)))
        .build();
  }

  private void writeManifest() throws IOException {
    ManifestFile.write(new OutputFolder(root), manifest, listed);
  }

  private SafetensorsWriter shard(String file, long entries) throws IOException {
    return SafetensorsWriter.create(
        root.resolve(file),
        List.of(
            new Declaration("tokens", Dtype.I64, List.of(2L, 4L)),
            new Declaration("locations", Dtype.U16, List.of(entries, 3L)),
            new Declaration("activations", Dtype.F16, List.of(entries))));
  }

  /** The first shard, with these locations and small integers as values. */
  private void writeShard(int[] locations, int... values) throws IOException {
    try (SafetensorsWriter writer = shard(SHARDS + "0_0.safetensors", values.length)) {
      ByteBuffer bytes = ByteBuffer.allocate(64 + 8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
      for (int token = 1; token <= 8; token++) {
        bytes.putLong(token);
      }
      for (int coordinate : locations) {
        bytes.putShort((short) coordinate);
      }
      for (int value : values) {
        bytes.putShort(Half.fromFloat(value));
      }
      writer.write(bytes.flip());
    }
  }

  private byte[] read(String file) throws IOException {
    return Files.readAllBytes(root.resolve(file));
  }

  private void replace(String file, String from, String to) throws IOException {
    String text = Files.readString(root.resolve(file));
    assertThat(text).contains(from);
    int at = text.indexOf(from);
    Files.writeString(
        root.resolve(file), text.substring(0, at) + to + text.substring(at + from.length()));
  }

  private void assertOnly(String line) throws IOException {
    assertThat(RunVerification.verify(root).lines()).containsExactly(line);
  }

  private void assertOnlyStarting(String start) throws IOException {
    assertThat(RunVerification.verify(root).lines()).singleElement().asString().startsWith(start);
  }
}
