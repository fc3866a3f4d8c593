// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.saeflow.schemas.stream.DocumentSpan;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SequencePackerTest {
  /** Ids are the characters' numbers in the alphabet, from 1. */
  private static int[] letters(String text) {
    return text.chars().map(c -> c - 'a' + 1).toArray();
  }

  @Test
  void cutsOneStreamAndDropsTheRest() throws Exception {
    List<TokenSequence> sequences =
        pack(new Packing(4, OptionalInt.empty(), OptionalInt.empty()), "abc", "", "de", "fghij");
    assertThat(sequences)
        .extracting(TokenSequence::tokens)
        .containsExactly(new int[] {1, 2, 3, 4}, new int[] {5, 6, 7, 8});
    assertThat(sequences.get(0).documents()).containsExactly(span(0, 0, 0), span(3, 2, 0));
    assertThat(sequences.get(1).documents()).containsExactly(span(0, 2, 1), span(1, 3, 0));
  }

  @Test
  void beginsEverySequenceWithTheBosToken() throws Exception {
    List<TokenSequence> sequences =
        pack(new Packing(3, OptionalInt.of(99), OptionalInt.empty()), "abc", "defg");
    assertThat(sequences)
        .extracting(TokenSequence::tokens)
        .containsExactly(new int[] {99, 1, 2}, new int[] {99, 3, 4}, new int[] {99, 5, 6});
    assertThat(sequences.get(0).documents()).containsExactly(span(1, 0, 0));
    assertThat(sequences.get(1).documents()).containsExactly(span(1, 0, 2), span(2, 1, 0));
    assertThat(sequences.get(2).documents()).containsExactly(span(1, 1, 1));
  }

  @Test
  void countsASeparatorAsItsDocumentsFirstToken() throws Exception {
    List<TokenSequence> sequences =
        pack(new Packing(3, OptionalInt.empty(), OptionalInt.of(0)), "ab", "", "cd");
    assertThat(sequences)
        .extracting(TokenSequence::tokens)
        .containsExactly(new int[] {0, 1, 2}, new int[] {0, 0, 3});
    assertThat(sequences.get(0).documents()).containsExactly(span(0, 0, 0));
    assertThat(sequences.get(1).documents()).containsExactly(span(0, 1, 0), span(1, 2, 0));
  }

  @Test
  void givesNothingForLessThanOneSequence() throws Exception {
    assertThat(pack(new Packing(4, OptionalInt.of(0), OptionalInt.empty()), "ab")).isEmpty();
    assertThat(pack(new Packing(4, OptionalInt.empty(), OptionalInt.empty()))).isEmpty();
  }

  @Test
  void refusesPackingsWithoutRoom() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Packing(0, OptionalInt.empty(), OptionalInt.empty()))
        .withMessage("context length: 0 (expected: >= 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Packing(1, OptionalInt.of(0), OptionalInt.empty()))
        .withMessage("context length: 1 (expected: >= 2)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Packing(4, OptionalInt.empty(), OptionalInt.of(-1)))
        .withMessage("separator token: -1 (expected: >= 0)");
  }

  private static DocumentSpan span(int start, long document, long offset) {
    return new DocumentSpan(start, document, offset, "{\"d\":" + document + "}");
  }

  private static List<TokenSequence> pack(Packing packing, String... texts) throws Exception {
    List<TokenSequence> sequences = new ArrayList<>();
    try (SequencePacker packer =
        new SequencePacker(new Texts(texts), SequencePackerTest::letters, packing)) {
      for (TokenSequence next = packer.next(); next != null; next = packer.next()) {
        sequences.add(next);
      }
    }
    return sequences;
  }

  private static final class Texts implements DocumentSource {
    private final Iterator<String> texts;
    private long number;

    Texts(String... texts) {
      this.texts = List.of(texts).iterator();
    }

    @Override
    public @Nullable Document next() {
      if (!texts.hasNext()) {
        return null;
      }
      Document document = new Document(number, texts.next(), "{\"d\":" + number + "}");
      number++;
      return document;
    }

    @Override
    public void close() {}
  }
}
