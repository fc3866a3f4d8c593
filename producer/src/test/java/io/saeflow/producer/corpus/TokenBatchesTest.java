// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TokenBatchesTest {
  @Test
  void numbersBatchesAndCountsWhatTheyHold() throws Exception {
    try (TokenBatches batches =
        new TokenBatches("run", new Counting(5), 2, 100, TokenBatches.ALL_TOKENS)) {
      assertThat(batches.next())
          .isEqualTo(
              new TokenBatch(
                  "run",
                  0,
                  0,
                  3,
                  new int[] {0, 1, 2, 3, 4, 5},
                  List.of(Counting.spans(0), Counting.spans(1))));
      assertThatIllegalStateException().isThrownBy(batches::end);
      TokenBatch second = batches.next();
      assertThat(second).isNotNull();
      assertThat(second.number()).isEqualTo(1);
      assertThat(second.firstSequence()).isEqualTo(2);
      assertThat(batches.next())
          .isEqualTo(
              new TokenBatch("run", 2, 4, 3, new int[] {12, 13, 14}, List.of(Counting.spans(4))));
      assertThat(batches.next()).isNull();
      assertThat(batches.end()).isEqualTo(new EndOfStream("run", 3, 5, 15));
      // Sequences 0 and 1 are of document 0, 2 and 3 of document 1, 4 of document 2.
      assertThat(batches.documents()).isEqualTo(3);
    }
  }

  @Test
  void stopsAtTheMostWholeSequencesWithinTheLimit() throws Exception {
    for (long limit : new long[] {9, 10, 11}) {
      assertThat(all(new TokenBatches("run", new Counting(9), 2, 100, limit)))
          .isEqualTo(new EndOfStream("run", 2, 3, 9));
    }
    assertThat(all(new TokenBatches("run", new Counting(9), 2, 100, 12)))
        .isEqualTo(new EndOfStream("run", 2, 4, 12));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TokenBatches("run", new Counting(9), 2, 100, 2))
        .withMessage("max tokens: 2 (expected: at least one sequence, 3)");
  }

  @Test
  void refusesAnEmptyCorpus() {
    assertThatThrownBy(() -> all(new TokenBatches("run", new Counting(0), 2, 100, 100)))
        .isInstanceOf(CorpusException.class)
        .hasMessageStartingWith("numbers.npy: less than one sequence of 3 tokens");
  }

  @Test
  void refusesTokensOutsideTheVocabulary() {
    assertThatThrownBy(() -> all(new TokenBatches("run", new Counting(9), 2, 10, 100)))
        .isInstanceOf(CorpusException.class)
        .hasMessage(
            "token id 10 at row 3, position 1 of numbers.npy (expected: below the vocabulary size 10)");
  }

  @Test
  void refusesBatchesThatFitNoArray() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TokenBatches("run", new Counting(9), 0, 10, 100))
        .withMessage("batch size: 0 sequences (expected: 1 to 715827879 with context length 3)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TokenBatches("run", new Counting(9), 715827880, 10, 100))
        .withMessageStartingWith("batch size: 715827880 sequences (expected: 1 to 715827879");
  }

  private static EndOfStream all(TokenBatches batches) throws CorpusException {
    try (batches) {
      long tokens = 0;
      for (TokenBatch next = batches.next(); next != null; next = batches.next()) {
        tokens += next.tokens().length;
      }
      assertThat(batches.tokens()).isEqualTo(tokens);
      return batches.end();
    }
  }

  /** Sequences of three: 0 1 2, 3 4 5, ...; every two are one document. */
  private static final class Counting implements SequenceSource {
    private final int sequences;
    private int next;

    Counting(int sequences) {
      this.sequences = sequences;
    }

    static List<DocumentSpan> spans(int sequence) {
      return List.of(new DocumentSpan(0, sequence / 2, sequence % 2 * 3L, "{}"));
    }

    @Override
    public String name() {
      return "numbers.npy";
    }

    @Override
    public int contextLength() {
      return 3;
    }

    @Override
    public @Nullable TokenSequence next() {
      if (next == sequences) {
        return null;
      }
      List<Integer> ids = new ArrayList<>(List.of(3 * next, 3 * next + 1, 3 * next + 2));
      return new TokenSequence(ids.stream().mapToInt(Integer::intValue).toArray(), spans(next++));
    }

    @Override
    public void close() {}
  }
}
