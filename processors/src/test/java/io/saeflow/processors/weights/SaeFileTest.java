// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.CpuSaeDecoder;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeWeights;
import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.schemas.hook.HookPoint;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SaeFileTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "openai-topk, .pt, openai",
    "openai-relu, .pt, openai",
    "openai-early, .pt, openai",
    "openai-identity, .pt, openai",
    "saelens-standard, '', saelens",
    "saelens-topk, '', saelens",
    "saelens-jumprelu, '', saelens",
    "saelens-rescaled, '', saelens",
    "saelens-layer-norm, '', saelens",
    "saelens-before-6, '', saelens",
    "sparsify, '', sparsify"
  })
  void readsEveryNumber(String name, String suffix, String family) throws Exception {
    SaeFile file = SaeFile.read(fixture(name + suffix));
    JsonNode expected = new ObjectMapper().readTree(fixture(name + ".json").toFile());

    SaeWeights weights = file.weights();
    assertThat(file.family()).isEqualTo(family);
    assertThat(file.architecture()).isEqualTo(expected.get("function").asText());
    assertThat(file.hook())
        .isEqualTo(
            Optional.of(expected.get("hook"))
                .filter(JsonNode::isTextual)
                .map(hook -> HookPoint.parse(hook.asText())));
    assertThat(weights.width()).isEqualTo(5);
    assertThat(weights.latents()).isEqualTo(7);
    assertThat(weights.normalization().name()).isEqualTo(expected.get("normalization").asText());
    assertThat(weights.inputBias()).containsExactly(floats(expected.get("inputBias")));
    assertThat(weights.encoderWeights()).containsExactly(floats(expected.get("encoderWeights")));
    assertThat(weights.latentBias()).containsExactly(floats(expected.get("latentBias")));
    if (weights.activationFunction() instanceof ActivationFunction.TopK topK) {
      assertThat(topK.k()).isEqualTo(expected.get("k").asInt());
    }
    if (weights.activationFunction() instanceof ActivationFunction.JumpRelu jumpRelu) {
      assertThat(jumpRelu.thresholds()).containsExactly(floats(expected.get("thresholds")));
    }

    float[] x = floats(expected.get("x"));
    JsonNode latents = expected.get("expectedLatents");
    for (int token = 0; token < 3; token++) {
      double[] actual = encode(weights, Arrays.copyOfRange(x, 5 * token, 5 * token + 5));
      for (int i = 0; i < 7; i++) {
        double value = latents.get(7 * token + i).asDouble();
        assertThat(actual[i]).as("token %d, latent %d", token, i).isCloseTo(value, within(1e-5));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "openai-topk, .pt",
    "openai-relu, .pt",
    "openai-early, .pt",
    "openai-identity, .pt",
    "saelens-standard, ''",
    "saelens-topk, ''",
    "saelens-jumprelu, ''",
    "saelens-rescaled, ''",
    "saelens-layer-norm, ''",
    "saelens-before-6, ''",
    "sparsify, ''"
  })
  void decodesAsItsFamilyDoes(String name, String suffix) throws Exception {
    SaeFile file = SaeFile.read(fixture(name + suffix));
    JsonNode expected = new ObjectMapper().readTree(fixture(name + ".json").toFile());
    if (expected.get("expectedDecoded").isNull()) {
      assertThat(file.decoder()).isEmpty();
      return;
    }
    float[] latents = floats(expected.get("expectedLatents"));
    int[] all = IntStream.range(0, 21).map(i -> i % 7).toArray();
    SparseLatents sparse = new SparseLatents(0, new int[] {0, 7, 14, 21}, all, latents);
    try (SaeDecoder decoder = new CpuSaeDecoder(file.decoder().orElseThrow(), 1)) {
      assertThat(decoder.decode(floats(expected.get("x")), sparse))
          .containsExactly(floats(expected.get("expectedDecoded")), within(1e-5f));
    }
  }

  @Test
  void hashesEveryFileItRead() throws Exception {
    Path path = fixture("saelens-topk");
    assertThat(SaeFile.read(path).sha256())
        .containsOnly(
            Map.entry("cfg.json", sha256(path.resolve("cfg.json"))),
            Map.entry("sae_weights.safetensors", sha256(path.resolve("sae_weights.safetensors"))));
    assertThat(SaeFile.read(fixture("openai-topk.pt")).sha256()).containsOnlyKeys("openai-topk.pt");
  }

  @Test
  void readsTheOnlyCheckpointOfAFolder() throws Exception {
    Files.copy(fixture("openai-topk.pt"), folder.resolve("8.pt"));
    Files.writeString(folder.resolve("report.json"), "{}");
    assertThat(SaeFile.read(folder).sha256()).containsOnlyKeys("8.pt");
    Files.copy(fixture("openai-topk.pt"), folder.resolve("9.pt"));
    assertThatThrownBy(() -> SaeFile.read(folder))
        .isInstanceOf(SaeFileException.class)
        .hasMessage(
            "%s: 2 .pt files (expected: sae_weights.safetensors, sae.safetensors or one .pt)",
            folder);
  }

  @Test
  void saysWhatAPathShouldBe() throws Exception {
    Path gone = folder.resolve("gone");
    assertThatThrownBy(() -> SaeFile.read(gone))
        .isInstanceOf(SaeFileException.class)
        .hasMessage("%s (expected: a file or a folder)", gone);
    Path inside = fixture("sparsify").resolve("sae.safetensors");
    assertThatThrownBy(() -> SaeFile.read(inside))
        .isInstanceOf(SaeFileException.class)
        .hasMessage("%s (expected: the folder that holds it)", inside);
    Path text = Files.writeString(folder.resolve("notes.txt"), "no autoencoder");
    assertThatThrownBy(() -> SaeFile.read(text))
        .isInstanceOf(SaeFileException.class)
        .hasMessageStartingWith("notes.txt: not a zip archive");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          bad-activation | activation 'Swish' (expected: TopK, ReLU or Identity)
          bad-postact | postact_fn 'Identity' (expected: ReLU)
          bad-k | k 8 (expected: 1 to 7, the latents)
          bad-no-k | activation_state_dict (expected: a dict with an integer k)
          bad-encoder | tensor 'encoder.weight': shape [5, 7] (expected: [7, 5])
          bad-decoder | tensor 'decoder.weight': shape [7, 5] (expected: [5, 7])
          bad-latent-bias | tensor 'latent_bias': shape [1, 1] (expected: 1 dimensions, each >= 1)
          bad-nan | latent bias: NaN at 0 (expected: finite)
          """)
  void refusesACheckpoint(String name, String message) {
    assertThatThrownBy(() -> SaeFile.read(fixture(name + ".pt")))
        .isInstanceOf(SaeFileException.class)
        .hasMessage(name + ".pt: " + message);
  }

  @Test
  void refusesACheckpointWithoutATensorItNeeds() {
    assertThatThrownBy(() -> SaeFile.read(fixture("bad-missing.pt")))
        .isInstanceOf(SaeFileException.class)
        .hasMessageStartingWith("bad-missing.pt: tensor 'pre_bias' (expected one of ");
  }

  /** One change to a good folder's cfg.json, and what it must say. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          saelens-standard|"standard"|"gated"|architecture 'gated' (expected: standard, topk or jumprelu)
          saelens-standard|"standard"|"batchtopk"|architecture 'batchtopk' (expected: standard, topk or jumprelu)
          saelens-standard|"standard"|"matryoshka_batchtopk"|architecture 'matryoshka_batchtopk' (expected: standard, topk or jumprelu)
          saelens-standard|"standard"|"transcoder"|architecture 'transcoder' (expected: standard, topk or jumprelu)
          saelens-standard|"standard"|7|architecture 7 (expected: a string)
          saelens-standard|"normalize_activations": "none"|"normalize_activations": "constant_norm_rescale"|normalize_activations 'constant_norm_rescale' (expected: none or layer_norm)
          saelens-standard|"normalize_activations": "none"|"normalize_activations": "expected_average_only_in"|normalize_activations 'expected_average_only_in' (expected: none or layer_norm)
          saelens-before-6|"normalize_activations": false|"normalize_activations": true|normalize_activations 'expected_average_only_in' (expected: none or layer_norm)
          saelens-before-6|"activation_fn_str": "topk"|"activation_fn_str": "tanh-relu"|activation_fn 'tanh-relu' (expected: relu, or topk if standard)
          saelens-before-6|"hook_point_head_index": null|"hook_point_head_index": 3|hook_head_index 3 (expected: none)
          saelens-standard|"reshape_activations": "none"|"reshape_activations": "hook_z"|reshape_activations 'hook_z' (expected: none)
          saelens-standard|hook_resid_post|attn.hook_z|hook point: 'blocks.1.attn.hook_z' (expected one of
          saelens-standard|"d_in": 5|"d_in": 6|d_in 6 (expected: 5, as W_enc has)
          saelens-standard|"d_sae": 7|"d_sae": 7.5|d_sae 7.5 (expected: an integer)
          saelens-standard|"d_sae": 7|"d_sae": 99999999999|d_sae 99999999999 (expected: an integer)
          saelens-standard|"apply_b_dec_to_input": true|"apply_b_dec_to_input": "yes"|apply_b_dec_to_input "yes" (expected: true or false)
          saelens-topk|"k": 3|"k": 0|k 0 (expected: 1 to 7, the latents)
          saelens-topk|"k": 3|"k": 8|k 8 (expected: 1 to 7, the latents)
          saelens-topk|"k": 3|"j": 3|k 0 (expected: 1 to 7, the latents)
          saelens-topk|"k": 3|"k": 3, "k": 3|Duplicate field 'k'
          saelens-topk|{|[{|Unexpected character
          sparsify|"topk"|"groupmax"|activation 'groupmax' (expected: topk)
          sparsify|"transcode": false|"transcode": true|transcode true (expected: false)
          sparsify|"skip_connection": false|"skip_connection": true|skip_connection true (expected: false)
          sparsify|"transcode": false|"signed": true|signed true (expected: false)
          sparsify|"k": 3|"k": 8|k 8 (expected: 1 to 7, the latents)
          """)
  void refusesAConfiguration(String name, String from, String to, String message) throws Exception {
    copy(name);
    replaceInConfig(from, to);
    assertThatThrownBy(() -> SaeFile.read(folder))
        .isInstanceOf(SaeFileException.class)
        .hasMessageStartingWith("cfg.json: " + message);
  }

  @Test
  void refusesAScaledAutoencoder() {
    assertThatThrownBy(() -> SaeFile.read(fixture("saelens-scaled")))
        .isInstanceOf(SaeFileException.class)
        .hasMessage("sae_weights.safetensors: tensor 'scaling_factor': 2.0 (expected: ones)");
  }

  @Test
  void refusesJumpReluWithoutThresholds() throws Exception {
    copy("saelens-standard");
    replaceInConfig("\"standard\"", "\"jumprelu\"");
    assertThatThrownBy(() -> SaeFile.read(folder))
        .isInstanceOf(SaeFileException.class)
        .hasMessageStartingWith("sae_weights.safetensors: tensor 'threshold' (expected one of ");
  }

  @Test
  void refusesAFolderWithoutConfiguration() throws Exception {
    copy("sparsify");
    Files.delete(folder.resolve("cfg.json"));
    assertThatThrownBy(() -> SaeFile.read(folder))
        .isInstanceOf(SaeFileException.class)
        .hasMessage("%s: unreadable (expected: a file)", folder.resolve("cfg.json"));
  }

  @Test
  void sparsifyMayLeaveTheNumberOfLatentsToTheFactor() throws Exception {
    copy("sparsify");
    replaceInConfig("\"num_latents\": 7", "\"num_latents\": 0");
    assertThatThrownBy(() -> SaeFile.read(folder)) // 5 * 2, which these 7 latents are not
        .isInstanceOf(SaeFileException.class)
        .hasMessage("sae.safetensors: tensor 'W_dec': shape [7, 5] (expected: [10, 5])");
  }

  /** The definition in float64, one token. */
  private static double[] encode(SaeWeights weights, float[] x) {
    int d = weights.width();
    double[] input = IntStream.range(0, d).mapToDouble(i -> x[i]).toArray();
    if (weights.normalization() == InputNormalization.LAYER_NORM) {
      double mean = Arrays.stream(input).sum() / d;
      double std =
          Math.sqrt(Arrays.stream(input).map(v -> (v - mean) * (v - mean)).sum() / (d - 1));
      input = Arrays.stream(input).map(v -> (v - mean) / (std + 1e-5)).toArray();
    }
    double[] pre = new double[weights.latents()];
    for (int i = 0; i < pre.length; i++) {
      pre[i] = weights.latentBias()[i];
      for (int j = 0; j < d; j++) {
        pre[i] += (input[j] - weights.inputBias()[j]) * weights.encoderWeights()[i * d + j];
      }
    }
    ActivationFunction function = weights.activationFunction();
    if (function instanceof ActivationFunction.TopK topK) {
      int[] dropped =
          IntStream.range(0, pre.length)
              .boxed()
              .sorted(Comparator.comparingDouble((Integer i) -> -pre[i]))
              .skip(topK.k())
              .mapToInt(i -> i)
              .toArray();
      Arrays.stream(dropped).forEach(i -> pre[i] = 0);
    }
    for (int i = 0; i < pre.length; i++) {
      boolean below =
          function instanceof ActivationFunction.JumpRelu jumpRelu
              && pre[i] <= jumpRelu.thresholds()[i];
      if (below || (pre[i] < 0 && !(function instanceof ActivationFunction.Identity))) {
        pre[i] = 0;
      }
    }
    return pre;
  }

  private static Path fixture(String name) throws Exception {
    URL url = SaeFileTest.class.getResource("/weights/" + name);
    return Path.of(Objects.requireNonNull(url, name).toURI());
  }

  private void copy(String name) throws Exception {
    try (Stream<Path> files = Files.list(fixture(name))) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName().toString()));
      }
    }
  }

  private void replaceInConfig(String from, String to) throws Exception {
    Path config = folder.resolve("cfg.json");
    String text = Files.readString(config);
    assertThat(text).contains(from);
    Files.writeString(config, text.replace(from, to));
  }

  private static float[] floats(JsonNode array) {
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) array.get(i).asDouble();
    }
    return values;
  }

  private static String sha256(Path file) throws Exception {
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
    return HexFormat.of().formatHex(digest);
  }
}
