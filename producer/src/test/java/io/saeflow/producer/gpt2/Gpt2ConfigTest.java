// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Gpt2ConfigTest {
  private static final String SMALL =
      "\"model_type\": \"gpt2\", \"n_layer\": 12, \"n_head\": 12, \"n_embd\": 768,"
          + " \"vocab_size\": 50257, \"n_positions\": 1024";

  @TempDir Path directory;

  @Test
  void fillsInGpt2sOwnDefaults() throws Exception {
    Gpt2Config expected =
        new Gpt2Config(
            12, 12, 768, 3072, 50257, 1024, 1e-5, OptionalInt.empty(), OptionalInt.empty());
    assertThat(read(SMALL)).isEqualTo(expected);
    assertThat(
            read(
                SMALL
                    + ", \"n_inner\": null, \"activation_function\": \"gelu_new\","
                    + " \"scale_attn_weights\": true, \"scale_attn_by_inverse_layer_idx\": false,"
                    + " \"reorder_and_upcast_attn\": false, \"add_cross_attention\": false,"
                    + " \"layer_norm_epsilon\": 1e-05, \"attn_pdrop\": 0.1"))
        .isEqualTo(expected);
  }

  @Test
  void takesEverySizeFromTheFile() throws Exception {
    assertThat(
            read(
                "\"model_type\": \"gpt2\", \"n_layer\": 2, \"n_head\": 3, \"n_embd\": 9,"
                    + " \"vocab_size\": 5, \"n_positions\": 7, \"n_inner\": 11,"
                    + " \"activation_function\": \"gelu_pytorch_tanh\","
                    + " \"layer_norm_epsilon\": 1e-3, \"bos_token_id\": 4"))
        .isEqualTo(new Gpt2Config(2, 3, 9, 11, 5, 7, 1e-3, OptionalInt.of(4), OptionalInt.empty()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "activation_function | \"relu\" | gelu_new or gelu_pytorch_tanh",
        "activation_function | \"gelu\" | gelu_new or gelu_pytorch_tanh",
        "scale_attn_weights | false | true",
        "scale_attn_by_inverse_layer_idx | true | false",
        "reorder_and_upcast_attn | true | false",
        "add_cross_attention | true | false",
        "add_cross_attention | \"no\" | false",
        "n_inner | 0 | an integer >= 1",
        "n_inner | 1.5 | an integer >= 1",
        "layer_norm_epsilon | -1.0 | a number >= 0",
        "bos_token_id | -1 | an integer >= 0",
      })
  void refusesOtherArithmeticByName(String field, String value, String expected) {
    assertThatThrownBy(() -> read("%s, \"%s\": %s".formatted(SMALL, field, value)))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(
            "config.json: %s: %s (expected: %s)".formatted(field, value, expected));
  }

  @Test
  void refusesSizesThatDoNotFit() {
    assertThatThrownBy(() -> read(SMALL.replace("\"n_head\": 12", "\"n_head\": 7")))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("n_embd: 768 (expected: a multiple of n_head, 7)");
    assertThatThrownBy(() -> read(SMALL.replace("\"n_layer\": 12,", "")))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("n_layer: missing (expected: an integer >= 1)");
  }

  @Test
  void refusesOtherModels() {
    assertThatThrownBy(() -> read(SMALL.replace("\"gpt2\"", "\"llama\"")))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("model_type: \"llama\" (expected: \"gpt2\")");
    assertThatThrownBy(() -> read(SMALL.replace("\"model_type\": \"gpt2\",", "")))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("model_type: missing (expected: \"gpt2\")");
    assertThatThrownBy(() -> read("\"a\""))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("config.json: not valid JSON");
  }

  private Gpt2Config read(String fields) throws ModelException, IOException {
    Path file = directory.resolve("config.json");
    Files.writeString(file, "{" + fields + "}");
    return Gpt2Config.read(file);
  }
}
