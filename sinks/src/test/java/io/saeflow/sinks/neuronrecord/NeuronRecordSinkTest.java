// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.neuronrecord;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NeuronRecordSinkTest {
  /**
   * The fields of the loader's classes; a key beyond them, or one too few, is a TypeError there.
   */
  private static final Map<String, Set<String>> CLASSES =
      Map.of(
          "NeuronId",
          Set.of("dataclass_name", "layer_index", "neuron_index"),
          "ActivationRecord",
          Set.of("dataclass_name", "tokens", "activations"),
          "NeuronRecord",
          Set.of(
              "dataclass_name",
              "neuron_id",
              "random_sample",
              "random_sample_by_quantile",
              "quantile_boundaries",
              "mean",
              "variance",
              "skewness",
              "kurtosis",
              "most_positive_activation_records"));

  @TempDir Path root;

  @Test
  void writesWhatTheLoaderReads() throws IOException {
    // 2, 2, 0, 0: mean 1, every token 1 away from it.
    FeatureRecord record =
        Fixtures.dead(7)
            .setTokens(4)
            .setActive(2)
            .setSum1(4)
            .setSum2(8)
            .setSum3(16)
            .setSum4(32)
            .setTop(List.of(Fixtures.example(3, 7, 1, 0f, 2f)))
            .setRandom(List.of(Fixtures.example(2, 0, 0, 2f)))
            .build();
    write(record);
    String top =
        "{\"dataclass_name\":\"ActivationRecord\",\"tokens\":[\"t10\",\"t11\"],"
            + "\"activations\":[0.0,2.0]}";
    String random =
        "{\"dataclass_name\":\"ActivationRecord\",\"tokens\":[\"t10\"],\"activations\":[2.0]}";
    assertThat(root.resolve("neuron-records/my-sae/collated_activations/8/7.json"))
        .content()
        .isEqualTo(
            "{\"dataclass_name\":\"NeuronRecord\","
                + "\"neuron_id\":{\"dataclass_name\":\"NeuronId\",\"layer_index\":8,"
                + "\"neuron_index\":7},\"random_sample\":["
                + random
                + "],\"random_sample_by_quantile\":[[],[],[],["
                + random
                + "]],\"quantile_boundaries\":[2.0,2.0,2.0,2.0],\"mean\":1.0,\"variance\":1.0,"
                + "\"skewness\":0.0,\"kurtosis\":1.0,\"most_positive_activation_records\":["
                + top
                + "]}");
  }

  @Test
  void momentsAreAboutTheMean() throws IOException {
    // 2, 4, 0, 0, 0: deviations from 1.2 are 0.8, 2.8 and three times -1.2.
    double variance = (0.64 + 7.84 + 3 * 1.44) / 5;
    double third = (0.512 + 21.952 - 3 * 1.728) / 5;
    double fourth = (0.4096 + 61.4656 + 3 * 2.0736) / 5;
    write(Fixtures.twoAndFour(0).build());
    JsonNode record = read(0);
    assertThat(record.get("mean").doubleValue()).isEqualTo(1.2);
    assertThat(record.get("variance").doubleValue()).isCloseTo(variance, within(1e-12));
    assertThat(record.get("skewness").doubleValue())
        .isCloseTo(third / (variance * Math.sqrt(variance)), within(1e-12));
    assertThat(record.get("kurtosis").doubleValue())
        .isCloseTo(fourth / (variance * variance), within(1e-12));
  }

  @Test
  void aDeadFeatureHasAFile() throws IOException {
    write(Fixtures.dead(0).build());
    JsonNode record = read(0);
    assertThat(record.get("mean").doubleValue()).isZero();
    assertThat(record.get("variance").doubleValue()).isZero();
    assertThat(record.get("skewness").isNull()).isTrue();
    assertThat(record.get("kurtosis").isNull()).isTrue();
    assertThat(record.get("quantile_boundaries").isNull()).isTrue();
    assertThat(record.get("random_sample_by_quantile").toString()).isEqualTo("[[],[],[],[]]");
    requireKnownKeys(record);
  }

  @Test
  void whatIsUndefinedIsNull() throws IOException {
    write(Fixtures.dead(0).setTokens(0).build());
    assertThat(read(0).get("mean").isNull()).isTrue();
    assertThat(read(0).get("variance").isNull()).isTrue();
    write(Fixtures.twoAndFour(0).setSum4(Double.NaN).build());
    assertThat(read(0).get("skewness").isNumber()).isTrue();
    assertThat(read(0).get("kurtosis").isNull()).isTrue();
    write(Fixtures.twoAndFour(0).setSum2(Double.NaN).build());
    assertThat(read(0).get("mean").isNumber()).isTrue();
    assertThat(read(0).get("variance").isNull()).isTrue();
    assertThat(read(0).get("skewness").isNull()).isTrue();
  }

  @Test
  void aConstantFeatureHasNoSkewness() throws IOException {
    // 0.1f on each of 3 tokens; its powers' sums are rounded, so the variance is not quite 0.
    double a = 0.1f;
    write(
        Fixtures.dead(0)
            .setTokens(3)
            .setActive(3)
            .setSum1(3 * a)
            .setSum2(3 * a * a)
            .setSum3(3 * a * a * a)
            .setSum4(3 * a * a * a * a)
            .build());
    assertThat(read(0).get("variance").doubleValue()).isBetween(0.0, 1e-15);
    assertThat(read(0).get("skewness").isNull()).isTrue();
    assertThat(read(0).get("kurtosis").isNull()).isTrue();
  }

  @Test
  void cutsTheSampleByItsMaxima() throws IOException {
    // Maxima 1 to 20, in some order; ranks 0 to 9, 10 to 17, 18, and 19.
    List<Example> random = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      random.add(Fixtures.example(i, 0, 0, i * 7 % 20 + 1, 0.5f));
    }
    write(Fixtures.twoAndFour(0).setRandom(random).build());
    JsonNode record = read(0);
    List<List<Integer>> lists = new ArrayList<>();
    for (JsonNode list : record.get("random_sample_by_quantile")) {
      List<Integer> maxima = new ArrayList<>();
      list.forEach(window -> maxima.add(window.get("activations").get(0).intValue()));
      lists.add(maxima);
    }
    assertThat(lists)
        .containsExactly(
            List.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
            List.of(11, 12, 13, 14, 15, 16, 17, 18),
            List.of(19),
            List.of(20));
    assertThat(record.get("quantile_boundaries").toString()).isEqualTo("[11.0,19.0,20.0,20.0]");
    assertThat(record.get("random_sample").get(1).get("activations").get(0).intValue())
        .isEqualTo(8);
    requireKnownKeys(record);
  }

  @Test
  void refusesAnIdThatIsAPath() {
    assertThatThrownBy(
            () ->
                new NeuronRecordSink(
                    new OutputFolder(root), "../x", HookPoint.parse("resid_post_mlp/8"), id -> ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("SAE id: '../x'");
  }

  private static void requireKnownKeys(JsonNode node) {
    if (node.isObject()) {
      Set<String> keys = new TreeSet<>();
      node.fieldNames().forEachRemaining(keys::add);
      assertThat(node.path("dataclass_name").asText()).isIn(CLASSES.keySet());
      assertThat(keys)
          .containsExactlyInAnyOrderElementsOf(CLASSES.get(node.get("dataclass_name").asText()));
    }
    node.forEach(NeuronRecordSinkTest::requireKnownKeys);
  }

  private void write(FeatureRecord record) throws IOException {
    try (NeuronRecordSink sink =
        new NeuronRecordSink(
            new OutputFolder(root),
            "my-sae",
            HookPoint.parse("blocks.8.hook_resid_post"),
            id -> "t" + id)) {
      sink.write(record);
    }
  }

  private JsonNode read(int latent) throws IOException {
    return new ObjectMapper()
        .readTree(
            root.resolve("neuron-records/my-sae/collated_activations/8/" + latent + ".json")
                .toFile());
  }
}
