// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.producer.corpus.Tokenizer;
import io.saeflow.schemas.hook.HookLocation;
import io.saeflow.schemas.hook.HookPoint;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/** Against published numbers of a small trained model that may lie beside the project. */
class ReferenceModelTest {
  private static final Path MODEL =
      Path.of(System.getProperty("saeflow.shared.data", "../../shared/data"), "probe-gpt2-2.6m");
  private static final double RELATIVE = 1e-4;

  /** The published values are rounded to six decimals, or to five significant ones of the rest. */
  private static final double ROUNDING = 1e-5;

  @Test
  void reproducesThePublishedNumbers() throws Exception {
    assumeTrue(Files.isDirectory(MODEL), "the reference model is not beside this project");
    JsonNode reference = new ObjectMapper().readTree(MODEL.resolve("reference.json").toFile());
    try (TensorEngine engine = LibtorchEngine.open(1);
        Tokenizer tokenizer = Tokenizer.open(MODEL);
        Gpt2 model = Gpt2.load(MODEL, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32)) {
      int[] text = tokenizer.encode(reference.get("text").asText());
      int bos = model.config().bosToken().orElseThrow();
      int[] tokens = IntStream.concat(IntStream.of(bos), Arrays.stream(text)).toArray();
      assertThat(tokens).isEqualTo(ints(reference.get("token_ids")));

      JsonNode states = reference.get("hidden_states");
      assertThat(states).hasSize(model.config().layers() + 1);
      for (int layer = 0; layer < model.config().layers(); layer++) {
        HookPoint hook = new HookPoint(layer, HookLocation.RESID_PRE);
        float[] values = model.activations(tokens, tokens.length, List.of(hook)).get(hook);
        assertState(states.get(layer), values, model.config().width());
      }
      assertState(
          states.get(model.config().layers()), model.finalStates(tokens), model.config().width());

      float[] logits = model.logits(tokens);
      int[] best =
          IntStream.range(0, logits.length)
              .boxed()
              .sorted((a, b) -> Float.compare(logits[b], logits[a]))
              .limit(5)
              .mapToInt(Integer::intValue)
              .toArray();
      JsonNode top = reference.get("top5_next");
      assertThat(top).hasSize(5);
      for (int i = 0; i < best.length; i++) {
        assertThat(best[i]).isEqualTo(top.get(i).get("id").asInt());
        assertClose(logits[best[i]], top.get(i).get("logit").asDouble());
        assertThat(tokenizer.token(best[i])).isEqualTo(top.get(i).get("token").asText());
      }
    }
  }

  private static void assertState(JsonNode expected, float[] values, int width) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    assertClose(sum, expected.get("sum_all").asDouble());
    int last = values.length - width;
    double squares = 0;
    for (int i = last; i < values.length; i++) {
      squares += (double) values[i] * values[i];
    }
    assertClose(Math.sqrt(squares), expected.get("l2_of_last_position").asDouble());
    JsonNode first = expected.get("last_position_first8");
    assertThat(first).hasSize(8);
    for (int i = 0; i < 8; i++) {
      assertClose(values[last + i], first.get(i).asDouble());
    }
  }

  private static void assertClose(double actual, double expected) {
    assertThat(Math.abs(actual - expected))
        .as("%s, expected %s", actual, expected)
        .isLessThanOrEqualTo(RELATIVE * Math.abs(expected) + ROUNDING);
  }

  private static int[] ints(JsonNode values) {
    return StreamSupport.stream(values.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
  }
}
