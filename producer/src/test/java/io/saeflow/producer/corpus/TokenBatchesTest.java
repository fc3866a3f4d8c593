// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.LongStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
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

  @Test
  void skipsWhatWasFed() throws Exception {
    try (TokenBatches batches =
        new TokenBatches("run", new Counting(6), 2, 100, TokenBatches.ALL_TOKENS)) {
      // Five sequences in three batches, with the end under number 3.
      batches.skip(new FeedPosition(4L, 3L, 5L, 15L));
      assertThat(batches.next())
          .isEqualTo(
              new TokenBatch("run", 4, 5, 3, new int[] {15, 16, 17}, List.of(Counting.spans(5))));
      assertThat(batches.next()).isNull();
      assertThat(batches.end()).isEqualTo(new EndOfStream("run", 5, 6, 18));
      assertThat(batches.documents()).isEqualTo(3);
      assertThatIllegalStateException()
          .isThrownBy(() -> batches.skip(new FeedPosition(4L, 3L, 5L, 15L)));
    }
  }

  @Test
  void nothingNewIsAnEndAlone() throws Exception {
    try (TokenBatches batches =
        new TokenBatches("run", new Counting(5), 2, 100, TokenBatches.ALL_TOKENS)) {
      batches.skip(new FeedPosition(4L, 3L, 5L, 15L));
      assertThat(batches.next()).isNull();
      assertThat(batches.end()).isEqualTo(new EndOfStream("run", 4, 5, 15));
    }
  }

  @Test
  void refusesACorpusThatDoesNotBeginWithWhatWasFed() {
    assertThatThrownBy(() -> skip(new Counting(4), new FeedPosition(4L, 3L, 5L, 15L)))
        .isInstanceOf(CorpusException.class)
        .hasMessageStartingWith(
            "numbers.npy: 4 sequences of 3 tokens (expected: at least the 5 that were fed;");
    assertThatThrownBy(() -> skip(new Counting(9), new FeedPosition(4L, 4L, 5L, 15L)))
        .isInstanceOf(CorpusException.class)
        .hasMessageStartingWith(
            "numbers.npy: 3 documents in the first 5 sequences (expected: 4, as were fed;");
  }

  private static void skip(SequenceSource source, FeedPosition fed) throws CorpusException {
    try (TokenBatches batches = new TokenBatches("run", source, 2, 100, TokenBatches.ALL_TOKENS)) {
      batches.skip(fed);
    }
  }

  /** Documents of 0 to 9 tokens, cut into sequences of 5; some are appended later. */
  @Property(tries = 300)
  void appendedTextGivesTheSequencesOfOneRunOverAllOfIt(
      @ForAll @Size(max = 20) List<@Size(max = 9) List<@IntRange(max = 99) Integer>> more,
      @ForAll @IntRange(max = 20) int first,
      @ForAll @IntRange(min = 1, max = 4) int batchSize,
      @ForAll boolean bos)
      throws Exception {
    List<List<Integer>> texts = new ArrayList<>(List.of(List.of(1, 2, 3, 4, 5)));
    texts.addAll(more);
    int split = Math.min(1 + first, texts.size());
    Packing packing =
        new Packing(5, bos ? OptionalInt.of(98) : OptionalInt.empty(), OptionalInt.of(99));
    Fed all = feed(texts, packing, batchSize, null);
    Fed before = feed(texts.subList(0, split), packing, batchSize, null);
    Fed after = feed(texts, packing, batchSize, before.position);
    List<TokenSequence> inPieces = new ArrayList<>(before.sequences);
    inPieces.addAll(after.sequences);
    assertThat(inPieces).usingRecursiveComparison().isEqualTo(all.sequences);
    assertThat(after.numbers)
        .isEqualTo(
            LongStream.range(0, after.numbers.size())
                .map(i -> before.position.getMessages() + i)
                .boxed()
                .toList());
    assertThat(after.position.getSequences()).isEqualTo(all.position.getSequences());
    assertThat(after.position.getTokens()).isEqualTo(all.position.getTokens());
    assertThat(after.position.getDocuments()).isEqualTo(all.position.getDocuments());
  }

  private record Fed(List<TokenSequence> sequences, List<Long> numbers, FeedPosition position) {}

  private static Fed feed(
      List<List<Integer>> texts, Packing packing, int batchSize, @Nullable FeedPosition from)
      throws CorpusException {
    Iterator<List<Integer>> left = texts.iterator();
    long[] number = {0};
    DocumentSource documents =
        new DocumentSource() {
          @Override
          public @Nullable Document next() {
            return left.hasNext() ? new Document(number[0]++, left.next().toString(), "{}") : null;
          }

          @Override
          public void close() {}
        };
    Function<String, int[]> tokenizer =
        text -> {
          try {
            return new ObjectMapper().readValue(text, int[].class);
          } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
          }
        };
    Fed fed = new Fed(new ArrayList<>(), new ArrayList<>(), new FeedPosition(0L, 0L, 0L, 0L));
    try (TokenBatches batches =
        new TokenBatches(
            "run",
            new SequencePacker(documents, tokenizer, packing),
            batchSize,
            100,
            TokenBatches.ALL_TOKENS)) {
      if (from != null) {
        batches.skip(from);
      }
      long expected = batches.sequences();
      for (TokenBatch batch = batches.next(); batch != null; batch = batches.next()) {
        assertThat(batch.firstSequence()).isEqualTo(expected);
        expected += batch.sequences();
        fed.numbers.add(batch.number());
        for (int row = 0; row < batch.sequences(); row++) {
          int[] tokens =
              Arrays.copyOfRange(
                  batch.tokens(), row * batch.contextLength(), (row + 1) * batch.contextLength());
          fed.sequences.add(new TokenSequence(tokens, batch.documents().get(row)));
        }
      }
      EndOfStream end = batches.end();
      fed.numbers.add(end.number());
      return new Fed(
          fed.sequences,
          fed.numbers,
          new FeedPosition(end.number() + 1, batches.documents(), end.sequences(), end.tokens()));
    }
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
