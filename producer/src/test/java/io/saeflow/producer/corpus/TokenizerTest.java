// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static final Path FIXTURES = Path.of("src/test/resources/io/saeflow/producer/corpus");

  /** Real data that may lie beside the project, and is no part of it. */
  private static final Path SHARED_DATA =
      Path.of(System.getProperty("saeflow.shared.data", "../../shared/data"));

  @ParameterizedTest
  @ValueSource(strings = {"tokenizer", "tokenizer-json"})
  void givesTheReferencesIds(String directory) throws Exception {
    JsonNode samples = new ObjectMapper().readTree(FIXTURES.resolve("expected.json").toFile());
    assertThat(samples).hasSize(6);
    try (Tokenizer tokenizer = Tokenizer.open(FIXTURES.resolve(directory))) {
      for (JsonNode sample : samples) {
        int[] ids =
            StreamSupport.stream(sample.get("ids").spliterator(), false)
                .mapToInt(JsonNode::asInt)
                .toArray();
        assertThat(tokenizer.encode(sample.get("text").asText())).isEqualTo(ids);
        assertThat(tokenizer.decode(ids)).isEqualTo(sample.get("text").asText());
      }
    }
  }

  @Test
  void readsTokensAsText() throws Exception {
    try (Tokenizer tokenizer = Tokenizer.open(FIXTURES.resolve("tokenizer"))) {
      assertThat(tokenizer.vocabularySize()).isEqualTo(300);
      assertThat(tokenizer.token(259)).isEqualTo(" the").isEqualTo(tokenizer.decode(259));
      assertThat(tokenizer.token(0)).isEqualTo("<|endoftext|>");
      // 173 is the first of an emoji's four bytes.
      assertThat(tokenizer.token(173)).isEqualTo("\uFFFD");
      assertThat(tokenizer.decode(173, 254, 248, 225)).isEqualTo("🙂");
      assertThat(tokenizer.files()).hasSize(2);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> tokenizer.token(300))
          .withMessage("token id: 300 (expected: below the vocabulary size 300)");
    }
  }

  @Test
  void readsLongDocumentsWhole() throws Exception {
    String text = "the stream of features ".repeat(20_000);
    try (Tokenizer tokenizer = Tokenizer.open(FIXTURES.resolve("tokenizer"))) {
      int[] ids = tokenizer.encode(text);
      assertThat(ids.length).isGreaterThan(150_000);
      assertThat(tokenizer.decode(ids)).isEqualTo(text);
    }
  }

  @Test
  void givesTheSameInPieces() throws Exception {
    String[] parts = {
      "the", " stream", " ", "\n", "\t", "'s", "'", "5", ",", "é", "\u00a0", "🙂", "<|endoftext|>"
    };
    Random random = new Random(1);
    try (Tokenizer whole = Tokenizer.open(FIXTURES.resolve("tokenizer"));
        Tokenizer inPieces = Tokenizer.open(FIXTURES.resolve("tokenizer"), 3)) {
      for (int i = 0; i < 500; i++) {
        String text =
            random
                .ints(1 + random.nextInt(40), 0, parts.length)
                .mapToObj(part -> parts[part])
                .collect(Collectors.joining());
        assertThat(inPieces.encode(text)).as(text).isEqualTo(whole.encode(text));
      }
    }
  }

  @Test
  void keepsZeroCharacters() throws Exception {
    try (Tokenizer tokenizer = Tokenizer.open(FIXTURES.resolve("tokenizer"))) {
      assertThat(tokenizer.decode(tokenizer.encode("a\0b"))).isEqualTo("a\0b");
    }
  }

  @Test
  void givesGpt2sIds() throws Exception {
    Path gpt2 = SHARED_DATA.resolve("gpt2-bpe-tokenizer");
    assumeTrue(Files.isDirectory(gpt2), "GPT-2's vocabulary is not beside this project");
    try (Tokenizer tokenizer = Tokenizer.open(gpt2)) {
      assertThat(tokenizer.vocabularySize()).isEqualTo(50_257);
      // From transformers' GPT2Tokenizer on the same two files.
      assertThat(tokenizer.encode("Hello world")).containsExactly(15496, 995);
      assertThat(tokenizer.encode("The quick brown fox – ünïcode 🙂 licenses"))
          .containsExactly(464, 2068, 7586, 21831, 784, 6184, 120, 77, 26884, 8189, 32485, 16625);
      assertThat(tokenizer.encode("  two  spaces\n\n\tand a tab, isn't it? "))
          .containsExactly(
              220, 734, 220, 9029, 628, 197, 392, 257, 7400, 11, 2125, 470, 340, 30, 220);
      assertThat(tokenizer.encode("def f(x):\n    return x**2 # 12345"))
          .containsExactly(
              4299, 277, 7, 87, 2599, 198, 220, 220, 220, 1441, 2124, 1174, 17, 1303, 17031, 2231);
      assertThat(tokenizer.encode("日本語 text <|endoftext|> after"))
          .containsExactly(33768, 98, 17312, 105, 45739, 252, 2420, 220, 50256, 706);
      assertThat(tokenizer.token(262)).isEqualTo(" the");
      assertThat(tokenizer.token(247)).isEqualTo("\uFFFD");
    }
  }

  @Test
  void refusesADirectoryWithoutATokenizer(@TempDir Path directory) {
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("no tokenizer (expected: tokenizer.json, or vocab.json and merges");
  }

  @Test
  void refusesFilesThatAreNoTokenizer(@TempDir Path directory) throws Exception {
    Files.writeString(directory.resolve("vocab.json"), "{\"a\": 0, \"b\": 1, \"c\": -2}");
    Files.writeString(directory.resolve("merges.txt"), "#version: 0.2\na b\n");
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("vocab.json: token 'c' has id -2 (expected: an integer >= 0)");
    Files.writeString(directory.resolve("vocab.json"), "{\"a\": 0, \"b\": 1}");
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("merges.txt, line 2: token 'ab' (expected: in the vocabulary)");
    Files.writeString(directory.resolve("merges.txt"), "#version: 0.2\na b c\n");
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("merges.txt, line 2: 'a b c' (expected: two tokens with one space)");
    Files.writeString(directory.resolve("tokenizer.json"), "{\"model\": ");
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("tokenizer.json: not valid JSON");
    Files.writeString(
        directory.resolve("tokenizer.json"),
        "{\"model\": {\"type\": \"?\", \"vocab\": {\"a\": 0}}}");
    assertThatThrownBy(() -> Tokenizer.open(directory))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("tokenizer.json: not a tokenizer");
  }
}
