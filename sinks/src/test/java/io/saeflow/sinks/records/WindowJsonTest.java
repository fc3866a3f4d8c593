// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FloatList;
import io.saeflow.schemas.feature.IntList;
import io.saeflow.sinks.files.JsonBytes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WindowJsonTest {
  private final JsonBytes json = new JsonBytes();

  @Test
  void writesEachArray() {
    WindowJson window = new WindowJson(token -> "t" + token);
    Example example = example(new int[] {7, 0, 7}, 0f, 1.5f, -0f);
    window.appendTexts(json, example);
    window.appendIds(json, example);
    window.appendActivations(json, example);
    assertThat(text()).isEqualTo("[\"t7\",\"t0\",\"t7\"][7,0,7][0.0,1.5,-0.0]");
  }

  @Test
  void aWindowMayBeEmpty() {
    WindowJson window = new WindowJson(token -> "");
    Example example = example(new int[0]);
    window.appendTexts(json, example);
    window.appendIds(json, example);
    window.appendActivations(json, example);
    assertThat(text()).isEqualTo("[][][]");
  }

  /** Control characters, quotes, commas, two, three and four bytes of UTF-8. */
  @Test
  void textsAreEscaped() throws IOException {
    List<String> texts = List.of("\u0000\n\t\"\\/", ",", "", "é", "…", "\uD83D\uDE00", "\u007f");
    new WindowJson(texts::get).appendTexts(json, example(new int[] {0, 1, 2, 3, 4, 5, 6}));
    assertThat(new ObjectMapper().readValue(text(), String[].class))
        .containsExactlyElementsOf(texts);
    assertThat(text()).startsWith("[\"\\u0000\\n\\t\\\"\\\\/\",\",\",\"\",\"é\",");
  }

  /** From none to what is too long to lie beside the others, in any order, seen before or not. */
  @Test
  void textsMayBeOfAnyLength() throws IOException {
    Random random = new Random(4);
    WindowJson window = new WindowJson(token -> "é".repeat(token));
    for (int round = 0; round < 100; round++) {
      Example example = example(random.ints(random.nextInt(9), 0, 20).toArray());
      json.clear();
      window.appendTexts(json, example);
      assertThat(new ObjectMapper().readValue(text(), String[].class))
          .containsExactlyElementsOf(example.getTokens().stream().map("é"::repeat).toList());
    }
  }

  @Test
  void readsBackWhateverTheNumbers() throws IOException {
    Random random = new Random(3);
    WindowJson window = new WindowJson(token -> "t" + token);
    for (int round = 0; round < 100; round++) {
      int[] tokens = random.ints(64, 0, 60_000).toArray();
      float[] activations = new float[64];
      for (int i = 0; i < 64; i++) {
        float any = Float.intBitsToFloat(random.nextInt());
        activations[i] = Float.isFinite(any) && random.nextBoolean() ? any : 0;
      }
      Example example = example(tokens, activations);
      json.clear();
      window.appendIds(json, example);
      assertThat(new ObjectMapper().readValue(text(), int[].class)).isEqualTo(tokens);
      json.clear();
      window.appendActivations(json, example);
      assertThat(new ObjectMapper().readValue(text(), float[].class)).isEqualTo(activations);
      json.clear();
      window.appendTexts(json, example);
      List<String> texts = new ArrayList<>();
      example.getTokens().forEach(token -> texts.add("t" + token));
      assertThat(new ObjectMapper().readValue(text(), String[].class))
          .containsExactlyElementsOf(texts);
    }
  }

  private static Example example(int[] tokens, float... activations) {
    return new Example(0L, 0, 0f, 0L, 0, new IntList(tokens), new FloatList(activations));
  }

  private String text() {
    return new String(json.toByteArray(), StandardCharsets.UTF_8);
  }
}
