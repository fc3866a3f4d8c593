// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.schemas.hook.HookLocation;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.tensorfile.Dtype;
import io.saeflow.schemas.tensorfile.Safetensors;
import io.saeflow.schemas.tensorfile.SafetensorsWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Against the reference implementation's float64 values for a tiny random model. */
class Gpt2Test {
  private static final Path FIXTURES = Path.of("src/test/resources/io/saeflow/producer/gpt2");
  private static final int CONTEXT = 12;
  private static final int WIDTH = 16;
  private static final List<HookPoint> ALL_HOOKS =
      Stream.of(0, 1)
          .flatMap(
              layer ->
                  Arrays.stream(HookLocation.values())
                      .map(location -> new HookPoint(layer, location)))
          .toList();

  private static TensorEngine engine;

  @BeforeAll
  static void openEngine() {
    engine = LibtorchEngine.open(1);
  }

  @AfterAll
  static void closeEngine() {
    engine.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"float32", "float16", "prefixed-bfloat16", "sharded", "pytorch"})
  void agreesWithTheReferenceAtEveryHook(String variant) throws Exception {
    try (Gpt2 model = load(variant);
        Safetensors expected = Safetensors.open(FIXTURES.resolve("expected.safetensors"))) {
      Map<HookPoint, float[]> activations = model.activations(tokens(), CONTEXT, ALL_HOOKS);
      assertThat(activations).hasSize(12);
      for (HookPoint hook : ALL_HOOKS) {
        assertClose(activations.get(hook), expected.floats(hook.name()), hook.name());
      }
      int[] first = Arrays.copyOf(tokens(), CONTEXT);
      assertClose(
          model.finalStates(first),
          Arrays.copyOf(expected.floats("final"), CONTEXT * WIDTH),
          "final");
      assertClose(model.logits(first), Arrays.copyOf(expected.floats("logits"), 61), "logits");
    }
  }

  /** A bfloat16 has 8 bits, and a dozen roundings lie between the tokens and the last hook. */
  @Test
  void multipliesInBfloat16() throws Exception {
    try (Gpt2 model = bfloat16();
        Gpt2 exact = load("float32");
        Safetensors expected = Safetensors.open(FIXTURES.resolve("expected.safetensors"))) {
      Map<HookPoint, float[]> activations = model.activations(tokens(), CONTEXT, ALL_HOOKS);
      Map<HookPoint, float[]> float32 = exact.activations(tokens(), CONTEXT, ALL_HOOKS);
      for (HookPoint hook : ALL_HOOKS) {
        float[] values = activations.get(hook);
        assertThat(distance(values, expected.floats(hook.name()))).as(hook.name()).isLessThan(0.02);
        // Embeddings are not multiplied.
        boolean embedding = hook.equals(HookPoint.parse("blocks.0.hook_resid_pre"));
        assertThat(Arrays.equals(values, float32.get(hook))).as(hook.name()).isEqualTo(embedding);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(ModelDtype.class)
  void aSequencesBitsDoNotDependOnThoseBesideIt(ModelDtype dtype) throws Exception {
    int length = 32;
    int[] tokens = new int[7 * length];
    Arrays.setAll(tokens, i -> (i * i + 3 * i) % 61);
    HookPoint last = HookPoint.parse("blocks.1.hook_resid_post");
    try (Gpt2 model =
        Gpt2.load(FIXTURES.resolve("float32"), engine, WritingWeights.AS_STORED, dtype)) {
      float[] together = model.activations(tokens, length, List.of(last)).get(last);
      for (int s = 0; s < 7; s++) {
        int[] one = Arrays.copyOfRange(tokens, s * length, (s + 1) * length);
        assertThat(model.activations(one, length, List.of(last)).get(last))
            .as("sequence %d", s)
            .isEqualTo(Arrays.copyOfRange(together, s * length * WIDTH, (s + 1) * length * WIDTH));
      }
    }
  }

  @Test
  void centresTheWritingWeights() throws Exception {
    try (Gpt2 model =
            Gpt2.load(
                FIXTURES.resolve("float32"), engine, WritingWeights.CENTRED, ModelDtype.FLOAT32);
        Safetensors expected = Safetensors.open(FIXTURES.resolve("expected.safetensors"))) {
      List<String> names =
          expected.names().stream().filter(name -> name.startsWith("centred.")).toList();
      assertThat(names).hasSize(5);
      for (String name : names) {
        HookPoint hook = HookPoint.parse(name.substring("centred.".length()));
        float[] values = model.activations(tokens(), CONTEXT, List.of(hook)).get(hook);
        assertClose(values, expected.floats(name), name);
      }
      HookPoint last = HookPoint.parse("blocks.1.hook_resid_post");
      float[] residual = model.activations(tokens(), CONTEXT, List.of(last)).get(last);
      double sum = 0;
      for (int i = 0; i < WIDTH; i++) {
        sum += residual[i];
      }
      assertThat(Math.abs(sum)).isLessThan(1e-5);
    }
  }

  @Test
  void givesTheSameWhicheverHooksAreAsked() throws Exception {
    try (Gpt2 model = load("float32")) {
      Map<HookPoint, float[]> all = model.activations(tokens(), CONTEXT, ALL_HOOKS);
      for (HookPoint hook : ALL_HOOKS) {
        Map<HookPoint, float[]> one = model.activations(tokens(), CONTEXT, List.of(hook));
        assertThat(one).containsOnlyKeys(hook);
        assertThat(one.get(hook)).as(hook.name()).isEqualTo(all.get(hook));
      }
    }
  }

  @Test
  void doesNotLookAhead() throws Exception {
    HookPoint last = HookPoint.parse("blocks.1.hook_resid_post");
    int[] changed = tokens();
    changed[CONTEXT - 1] = (changed[CONTEXT - 1] + 1) % 61;
    try (Gpt2 model = load("float32")) {
      float[] before = model.activations(tokens(), CONTEXT, List.of(last)).get(last);
      float[] after = model.activations(changed, CONTEXT, List.of(last)).get(last);
      int untouched = (CONTEXT - 1) * WIDTH;
      assertThat(Arrays.copyOf(after, untouched)).isEqualTo(Arrays.copyOf(before, untouched));
      assertThat(Arrays.copyOfRange(after, untouched, untouched + WIDTH))
          .isNotEqualTo(Arrays.copyOfRange(before, untouched, untouched + WIDTH));
    }
  }

  @Test
  void knowsTheWidthOfEachHook() throws Exception {
    try (Gpt2 model = load("float32")) {
      assertThat(model.width(HookPoint.parse("blocks.1.mlp.hook_post"))).isEqualTo(24);
      assertThat(model.width(HookPoint.parse("blocks.0.hook_attn_out"))).isEqualTo(16);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.width(HookPoint.parse("blocks.7.hook_resid_post")))
          .withMessage("hook blocks.7.hook_resid_post: layer 7 (expected: below the model's 2)");
    }
  }

  @Test
  void refusesWhatTheModelCannotTake() throws Exception {
    List<HookPoint> hooks = List.of(HookPoint.parse("blocks.0.hook_resid_pre"));
    try (Gpt2 model = load("float32")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.activations(new int[33], 33, hooks))
          .withMessage("context length: 33 (expected: 1 to the model's 32 positions)");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.activations(new int[5], 4, hooks))
          .withMessage("tokens: 5 (expected: a positive multiple of the context length 4)");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.activations(new int[] {1, 61}, 2, hooks))
          .withMessage("token id: 61 at 1 (expected: below the vocabulary size 61)");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.activations(new int[] {1}, 1, List.of()))
          .withMessage("hooks: none (expected: at least one)");
    }
  }

  @Test
  void writesWhatItPredicts() throws Exception {
    try (Gpt2 model = load("float32")) {
      // At next to no temperature every token is the most likely one after those before it.
      int[] greedy = model.write(2, 8, 5, 1e-9, 1);
      assertThat(Arrays.copyOfRange(greedy, 8, 16)).isEqualTo(Arrays.copyOf(greedy, 8));
      assertThat(greedy[0]).isEqualTo(5);
      for (int length = 1; length < 8; length++) {
        float[] logits = model.logits(Arrays.copyOf(greedy, length));
        assertThat(greedy[length]).as("token %d", length).isEqualTo(argmax(logits));
      }
    }
  }

  /** Position by position and all at once round differently, so a near-tie may go either way. */
  @Test
  void writesInBfloat16WhatItNearlyPredicts() throws Exception {
    try (Gpt2 model = bfloat16()) {
      int[] greedy = model.write(1, 8, 5, 1e-9, 1);
      for (int length = 1; length < 8; length++) {
        float[] logits = model.logits(Arrays.copyOf(greedy, length));
        float[] sorted = logits.clone();
        Arrays.sort(sorted);
        float largest = sorted[sorted.length - 1];
        assertThat(logits[greedy[length]])
            .as("token %d", length)
            .isGreaterThan(largest - 0.05f * (largest - sorted[0]));
      }
    }
  }

  @Test
  void drawsTokensAsOftenAsPredicted() throws Exception {
    try (Gpt2 model = load("float32")) {
      int draws = 20_000;
      int[] tokens = model.write(draws, 2, 5, 2.0, 7);
      assertThat(model.write(draws, 2, 5, 2.0, 7)).isEqualTo(tokens);
      assertThat(model.write(draws, 2, 5, 2.0, 8)).isNotEqualTo(tokens);
      float[] logits = model.logits(new int[] {5});
      double sum = 0;
      for (float logit : logits) {
        sum += Math.exp(logit / 2.0);
      }
      int[] counts = new int[61];
      for (int row = 0; row < draws; row++) {
        counts[tokens[2 * row + 1]]++;
      }
      for (int token = 0; token < 61; token++) {
        double probability = Math.exp(logits[token] / 2.0) / sum;
        double deviation = Math.sqrt(probability * (1 - probability) / draws);
        assertThat(Math.abs((double) counts[token] / draws - probability))
            .as("token %d", token)
            .isLessThan(5 * deviation + 1e-4);
      }
    }
  }

  @Test
  void refusesToWriteTheImpossible() throws Exception {
    try (Gpt2 model = load("float32")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.write(1, 33, 0, 1, 1))
          .withMessageStartingWith("context length: 33");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.write(0, 4, 0, 1, 1))
          .withMessage("sequences: 0 (expected: >= 1)");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.write(1, 4, 0, 0, 1))
          .withMessage("temperature: 0.0 (expected: > 0)");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.write(1, 4, 61, 1, 1))
          .withMessageStartingWith("token id: 61");
    }
  }

  @Test
  void namesTheFilesOfAModel() throws Exception {
    assertThat(Gpt2.files(FIXTURES.resolve("sharded")))
        .extracting(file -> file.getFileName().toString())
        .containsExactly(
            "config.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors");
    assertThat(Gpt2.files(FIXTURES.resolve("pytorch")))
        .extracting(file -> file.getFileName().toString())
        .containsExactly("config.json", "pytorch_model.bin");
  }

  @Test
  void loadsNoMoreThanItsHooksNeed(@TempDir Path directory) throws Exception {
    HookPoint first = HookPoint.parse("blocks.0.hook_resid_post");
    HookPoint second = HookPoint.parse("blocks.1.hook_resid_pre");
    Files.copy(FIXTURES.resolve("float32/config.json"), directory.resolve("config.json"));
    rewrite(directory.resolve("model.safetensors"), "h.1.mlp.c_fc.bias", null);
    try (Gpt2 model = loadUpTo(first, directory)) {
      assertThat(model.activations(tokens(), CONTEXT, List.of(first)).get(first)).containsOnly(0f);
    }
    try (Gpt2 whole = load("float32");
        Gpt2 model = loadUpTo(first, FIXTURES.resolve("float32"))) {
      assertThat(model.activations(tokens(), CONTEXT, List.of(first)).get(first))
          .containsExactly(whole.activations(tokens(), CONTEXT, List.of(first)).get(first));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.activations(tokens(), CONTEXT, List.of(second)))
          .withMessage(
              "hook blocks.1.hook_resid_pre: layer 1 (expected: below the 1 blocks that are loaded)");
      assertThatThrownBy(() -> model.write(1, 2, 0, 1, 0))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("blocks: 1 (expected: all 2 loaded)");
    }
  }

  @Test
  void refusesMissingAndMisshapenWeights(@TempDir Path directory) throws Exception {
    assertThatThrownBy(
            () -> Gpt2.load(directory, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("config.json: cannot be read");
    Files.copy(FIXTURES.resolve("float32/config.json"), directory.resolve("config.json"));
    assertThatThrownBy(
            () -> Gpt2.load(directory, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("no weights (expected: model.safetensors, model.safetensors.index");

    Path file = directory.resolve("model.safetensors");
    rewrite(file, "h.1.mlp.c_fc.bias", null);
    assertThatThrownBy(
            () -> Gpt2.load(directory, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("model.safetensors: no tensor h.1.mlp.c_fc.bias");
    rewrite(file, "h.0.attn.c_attn.weight", List.of(48L, 16L));
    assertThatThrownBy(
            () -> Gpt2.load(directory, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(
            "model.safetensors: h.0.attn.c_attn.weight: [48, 16] (expected: [16, 48])");
    Files.write(file, new byte[] {1, 2, 3});
    assertThatThrownBy(
            () -> Gpt2.load(directory, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("model.safetensors");
  }

  /** Writes zeros in the float32 model's shapes, but for one tensor, left out or of that shape. */
  private static void rewrite(Path target, String name, @Nullable List<Long> shape)
      throws Exception {
    List<SafetensorsWriter.Declaration> tensors = new ArrayList<>();
    int bytes = 0;
    try (Safetensors source = Safetensors.open(FIXTURES.resolve("float32/model.safetensors"))) {
      for (String tensor : source.names()) {
        List<Long> written = tensor.equals(name) ? shape : source.shape(tensor);
        if (written != null) {
          tensors.add(new SafetensorsWriter.Declaration(tensor, Dtype.F32, written));
          bytes += source.floats(tensor).length * Float.BYTES;
        }
      }
    }
    try (SafetensorsWriter writer = SafetensorsWriter.create(target, tensors)) {
      writer.write(ByteBuffer.allocate(bytes));
    }
  }

  private static int[] tokens() throws Exception {
    List<Integer> ids = new ArrayList<>();
    new ObjectMapper()
        .readTree(FIXTURES.resolve("tokens.json").toFile())
        .forEach(row -> row.forEach(id -> ids.add(id.asInt())));
    assertThat(ids).hasSize(2 * CONTEXT);
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  private static int argmax(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }

  private static void assertClose(float[] actual, float[] expected, String what) {
    assertThat(actual).as(what).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      assertThat(Math.abs((double) actual[i] - expected[i]))
          .as("%s, value %d: %s, expected %s", what, i, actual[i], expected[i])
          .isLessThanOrEqualTo(1e-5 + 1e-5 * Math.abs(expected[i]));
    }
  }

  private static Gpt2 load(String variant) throws ModelException {
    return Gpt2.load(
        FIXTURES.resolve(variant), engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32);
  }

  private static Gpt2 loadUpTo(HookPoint hook, Path directory) throws ModelException {
    return Gpt2.loadUpTo(
        List.of(hook), directory, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32);
  }

  private static Gpt2 bfloat16() throws ModelException {
    return Gpt2.load(
        FIXTURES.resolve("float32"), engine, WritingWeights.AS_STORED, ModelDtype.BFLOAT16);
  }

  /** Of two rows of values, as a part of the second's length. */
  private static double distance(float[] values, float[] expected) {
    double difference = 0;
    double length = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) values[i] - expected[i], 2);
      length += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / length);
  }
}
