// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.compose.config.Setting;
import io.saeflow.schemas.tensorfile.Safetensors;
import io.saeflow.sinks.verify.RunVerification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Partitioning shows in no byte of a record. */
class SameBytesTest {
  private static final List<String> CASES =
      List.of("openai-topk--blocks.1.hook_resid_post", "openai-relu--blocks.1.hook_attn_out");

  @TempDir Path folder;

  @Test
  void threeAndFiveRangesFromOneAndFourPartitions() throws Exception {
    Path one = folder.resolve("one");
    OracleCases.execute(
        OracleCases.run(CASES, one)
            .number(Setting.PARTITIONS, 1)
            .number(Setting.FEATURE_RANGES, 1));
    assertThat(RunVerification.verify(one).lines()).isEmpty();
    for (int ranges : List.of(3, 5)) {
      for (int partitions : List.of(1, 4)) {
        Path many = folder.resolve("%d-%d".formatted(ranges, partitions));
        OracleCases.execute(
            OracleCases.run(CASES, many)
                .number(Setting.PARTITIONS, partitions)
                .number(Setting.FEATURE_RANGES, ranges)
                .number(Setting.STREAM_THREADS, 2));
        assertThat(RunVerification.verify(many).lines()).isEmpty();
        assertSame(one, many, ranges);
      }
    }
  }

  private static void assertSame(Path one, Path many, int ranges) throws Exception {
    for (String tree : List.of("sae-viewer", "neuron-records")) {
      assertSameFiles(one.resolve(tree), many.resolve(tree), 2 * OracleCases.LATENTS);
    }
    assertThat(statistics(many)).hasSize(CASES.size()).isEqualTo(statistics(one));
    for (String name : CASES) {
      String cache = "delphi/latents/" + OracleCases.hook(name);
      assertThat(entries(many.resolve(cache), ranges))
          .isNotEmpty()
          .isEqualTo(entries(one.resolve(cache), 1));
    }
  }

  /** What the manifest says was found of each autoencoder. */
  static List<JsonNode> statistics(Path out) throws IOException {
    List<JsonNode> statistics = new ArrayList<>();
    JsonNode manifest = new ObjectMapper().readTree(out.resolve("manifest.json").toFile());
    for (JsonNode sae : manifest.get("saes")) {
      assertThat(sae.path("statistics").path("normalizedMse").isNumber()).isTrue();
      statistics.add(sae.get("statistics"));
    }
    return statistics;
  }

  static void assertSameFiles(Path expected, Path actual, int files) throws IOException {
    Map<String, Path> expectedFiles = files(expected);
    assertThat(expectedFiles).hasSize(files);
    assertThat(files(actual).keySet()).isEqualTo(expectedFiles.keySet());
    for (Map.Entry<String, Path> file : expectedFiles.entrySet()) {
      assertThat(actual.resolve(file.getKey())).hasSameBinaryContentAs(file.getValue());
    }
  }

  private static Map<String, Path> files(Path root) throws IOException {
    Map<String, Path> files = new HashMap<>();
    try (Stream<Path> walk = Files.walk(root)) {
      walk.filter(Files::isRegularFile)
          .forEach(file -> files.put(root.relativize(file).toString(), file));
    }
    return files;
  }

  /** All entries of a cache, each shard's by (row, position, latent), as the shards must be. */
  private static List<Entry> entries(Path cache, int shards) throws Exception {
    List<Entry> all = new ArrayList<>();
    List<Path> files;
    try (Stream<Path> list = Files.list(cache)) {
      files = list.filter(file -> file.toString().endsWith(".safetensors")).toList();
    }
    assertThat(files).hasSize(shards);
    for (Path shard : files) {
      long start = Long.parseLong(shard.getFileName().toString().split("_", -1)[0]);
      List<Entry> entries = new ArrayList<>();
      try (Safetensors file = Safetensors.open(shard)) {
        assertThat(file.shape("tokens"))
            .containsExactly((long) OracleCases.SEQUENCES, (long) OracleCases.CONTEXT);
        long[] locations = file.longs("locations");
        float[] values = file.floats("activations");
        for (int i = 0; i < values.length; i++) {
          entries.add(
              new Entry(
                  locations[3 * i], locations[3 * i + 1], start + locations[3 * i + 2], values[i]));
        }
      }
      assertThat(entries).isSortedAccordingTo(Entry.ORDER);
      all.addAll(entries);
    }
    all.sort(Entry.ORDER);
    return all;
  }

  private record Entry(long row, long position, long latent, float value) {
    static final Comparator<Entry> ORDER =
        Comparator.comparingLong(Entry::row)
            .thenComparingLong(Entry::position)
            .thenComparingLong(Entry::latent);
  }
}
