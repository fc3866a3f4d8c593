// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.compose.OracleCases.Truth;
import io.saeflow.schemas.tensorfile.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One run of all autoencoder families on three kinds of hook points, from tokens through the real
 * broker to the files, against the oracle's truth.
 */
class OracleTest {
  private static final double TOKENS = OracleCases.SEQUENCES * OracleCases.CONTEXT;

  @TempDir static Path temporary;
  private static Path out;
  private static RunSummary summary;

  @BeforeAll
  static void run() throws Exception {
    out = temporary.resolve("out");
    summary = OracleCases.execute(OracleCases.run(OracleCases.names(), out));
  }

  static List<String> cases() throws IOException {
    return OracleCases.names();
  }

  @Test
  void thereAreSixFamiliesOnThreeHookPoints() throws Exception {
    assertThat(cases()).hasSize(18);
    assertThat(cases().stream().map(OracleCases::hook).distinct()).hasSize(3);
    assertThat(summary.tokens()).isEqualTo((long) TOKENS);
  }

  /** Values to float16's precision; sets equal but where two candidates for k nearly tie. */
  @ParameterizedTest
  @MethodSource("cases")
  void theCachedLatentsAreTheOracles(String name) throws Exception {
    Map<Entry, Float> expected = expected(name);
    Map<Entry, Float> actual = cached(name);
    Set<Entry> onlyOne = new HashSet<>(expected.keySet());
    onlyOne.addAll(actual.keySet());
    for (Entry entry : List.copyOf(onlyOne)) {
      Float is = actual.get(entry);
      Float should = expected.get(entry);
      if (is != null && should != null) {
        assertThat(is.doubleValue()).isCloseTo(should, within(1e-3 * Math.abs(should) + 1e-6));
        onlyOne.remove(entry);
      }
    }
    // What only one of the two has must be next to nothing, or the k-th of its token to a hair.
    for (Entry entry : onlyOne) {
      float value = actual.getOrDefault(entry, expected.getOrDefault(entry, Float.NaN));
      double weakest =
          expected.entrySet().stream()
              .filter(e -> e.getKey().isOfToken(entry))
              .mapToDouble(Map.Entry::getValue)
              .min()
              .orElse(0);
      assertThat(Math.min(Math.abs(value), Math.abs(value - weakest)))
          .as("%s: %s", name, entry)
          .isLessThan(1e-4);
    }
    assertThat(onlyOne.size()).isLessThan(1 + expected.size() / 1000);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theStatisticsFollowFromTheOraclesLatents(String name) throws Exception {
    Map<Integer, List<Map.Entry<Entry, Float>>> byFeature = new HashMap<>();
    expected(name)
        .entrySet()
        .forEach(e -> byFeature.computeIfAbsent(e.getKey().latent, f -> new ArrayList<>()).add(e));
    int compared = 0;
    for (int feature = 0; feature < OracleCases.LATENTS; feature++) {
      JsonNode atom = atom(name, feature);
      List<Map.Entry<Entry, Float>> firings = byFeature.getOrDefault(feature, List.of());
      if (firings.stream().anyMatch(e -> e.getValue() < 1e-5)) {
        continue; // whether it counts as active turns on a rounding
      }
      compared++;
      compare(name + " " + feature, atom, firings);
    }
    assertThat(compared).isGreaterThan(OracleCases.LATENTS * 8 / 10);
  }

  /** The oracle's decoder is in float64. */
  @ParameterizedTest
  @MethodSource("cases")
  void theEncodingIsAsGoodAsTheOracleFoundIt(String name) throws Exception {
    JsonNode expected =
        new ObjectMapper()
            .readTree(OracleCases.FOLDER.resolve("reconstruction.json").toFile())
            .get(name);
    JsonNode statistics = statistics(OracleCases.id(name));
    assertThat(statistics.get("tokens").asLong()).isEqualTo((long) TOKENS);
    assertThat(statistics.get("nonFiniteTokens").asLong()).isZero();
    assertThat(statistics.get("reconstructedTokens").asLong()).isEqualTo((long) TOKENS);
    assertThat(statistics.get("l0").asDouble()).isEqualTo(expected.get("l0").asDouble());
    assertThat(statistics.get("normalizedMse").asDouble())
        .isCloseTo(expected.get("normalizedMse").asDouble(), within(1e-5));
  }

  private static JsonNode statistics(String sae) throws IOException {
    JsonNode manifest = new ObjectMapper().readTree(out.resolve("manifest.json").toFile());
    for (JsonNode each : manifest.get("saes")) {
      if (each.get("id").asText().equals(sae)) {
        return each.get("statistics");
      }
    }
    throw new AssertionError("no SAE " + sae);
  }

  private static void compare(String what, JsonNode atom, List<Map.Entry<Entry, Float>> firings) {
    double[] sums = new double[5];
    Map<Integer, Integer> histogram = new TreeMap<>();
    Map<Integer, Float> bestOfRow = new HashMap<>();
    boolean onABinsEdge = false;
    for (Map.Entry<Entry, Float> firing : firings) {
      float a = firing.getValue();
      for (int p = 1; p <= 4; p++) {
        sums[p] += Math.pow(a, p);
      }
      histogram.merge((int) Math.ceil(a / 0.2f), 1, Integer::sum);
      bestOfRow.merge(firing.getKey().row, a, Math::max);
      onABinsEdge |= Math.abs(a / 0.2f - Math.round(a / 0.2f)) < 1e-3;
    }
    assertThat(atom.get("density").asDouble()).as(what).isEqualTo(firings.size() / TOKENS);
    if (firings.isEmpty()) {
      assertThat(atom.get("mean_act").asDouble()).as(what).isZero();
      assertThat(atom.get("skew").isNull()).as(what).isTrue();
      assertThat(atom.get("top")).as(what).isEmpty();
      assertThat(atom.get("random")).as(what).isEmpty();
      return;
    }
    double mean2 = sums[2] / TOKENS;
    assertClose(what, atom, "mean_act", sums[1] / TOKENS);
    assertClose(what, atom, "mean_act_squared", mean2);
    assertClose(what, atom, "skew", sums[3] / TOKENS / Math.pow(mean2, 1.5));
    assertClose(what, atom, "kurtosis", sums[4] / TOKENS / (mean2 * mean2));
    if (!onABinsEdge) {
      Map<Integer, Integer> bins = new TreeMap<>();
      atom.get("hist")
          .properties()
          .forEach(e -> bins.put(Integer.parseInt(e.getKey()), e.getValue().asInt()));
      assertThat(bins).as(what).isEqualTo(histogram);
    }
    List<Float> strongest =
        bestOfRow.values().stream().sorted(Comparator.reverseOrder()).limit(20).toList();
    assertThat(atom.get("top")).as(what).hasSameSizeAs(strongest);
    for (int i = 0; i < strongest.size(); i++) {
      JsonNode row = atom.get("top").get(i);
      assertThat(row.get("act").asDouble())
          .as(what)
          .isCloseTo(strongest.get(i), within(2e-5 * strongest.get(i) + 1e-6));
      assertThat(row.get("acts").get(row.get("idx").asInt()).asDouble())
          .as(what)
          .isEqualTo(row.get("act").asDouble());
      // With ready tokens a row is a document, so the document tells which row this must be.
      assertThat(row.get("act").asDouble())
          .as(what)
          .isCloseTo(bestOfRow.get(row.get("doc_id").asInt()), within(1e-4));
    }
    assertThat(atom.get("random")).as(what).hasSize(Math.min(20, firings.size()));
  }

  private static void assertClose(String what, JsonNode atom, String field, double expected) {
    assertThat(atom.get(field).asDouble())
        .as("%s %s", what, field)
        .isCloseTo(expected, within(1e-4 * Math.abs(expected) + 1e-9));
  }

  private static JsonNode atom(String name, int feature) throws IOException {
    Path atoms = out.resolve("sae-viewer/tiny").resolve(OracleCases.id(name)).resolve("atoms");
    return new ObjectMapper().readTree(atoms.resolve(feature + ".json").toFile());
  }

  private static Map<Entry, Float> expected(String name) throws Exception {
    Truth truth = Truth.of(name, temporary);
    Map<Entry, Float> entries = new HashMap<>();
    for (int i = 0; i < truth.values.length; i++) {
      entries.put(
          new Entry((int) truth.rows[i], (int) truth.positions[i], (int) truth.features[i]),
          truth.values[i]);
    }
    return entries;
  }

  private static Map<Entry, Float> cached(String name) throws Exception {
    Path folder =
        out.resolve("delphi/latents").resolve(OracleCases.hook(name) + "." + OracleCases.id(name));
    Map<Entry, Float> entries = new HashMap<>();
    try (Stream<Path> shards = Files.list(folder)) {
      for (Path shard : shards.filter(p -> p.toString().endsWith(".safetensors")).toList()) {
        int start = Integer.parseInt(shard.getFileName().toString().split("_", -1)[0]);
        try (Safetensors file = Safetensors.open(shard)) {
          long[] locations = file.longs("locations");
          float[] values = file.floats("activations");
          for (int i = 0; i < values.length; i++) {
            entries.put(
                new Entry(
                    (int) locations[3 * i],
                    (int) locations[3 * i + 1],
                    start + (int) locations[3 * i + 2]),
                values[i]);
          }
        }
      }
    }
    return entries;
  }

  private record Entry(int row, int position, int latent) {
    boolean isOfToken(Entry other) {
      return row == other.row && position == other.position;
    }
  }
}
