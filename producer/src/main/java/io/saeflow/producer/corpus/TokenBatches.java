// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Groups sequences into batches numbered from 0; the same source and batch size always give the
 * same batches. Not safe for use by several threads.
 *
 * <p>To append, give the source that was fed before with more after it, and {@link #skip} what was
 * fed: sequences go on as if all had been fed at once, and only batches are cut otherwise.
 */
public final class TokenBatches implements AutoCloseable {
  /** No limit on the number of tokens. */
  public static final long ALL_TOKENS = Long.MAX_VALUE;

  private final String run;
  private final SequenceSource source;
  private final int batchSequences;
  private final int vocabularySize;
  private final long maxSequences;

  private boolean begun;
  private boolean ended;
  private long documents;
  private long lastDocument = -1;
  private long number;
  private long sequences;

  /**
   * @param run the run's id
   * @param source closed by {@link #close()}
   * @param batchSequences S, how many sequences a batch has, at least 1; the last may have fewer
   * @param vocabularySize every token id must be below it
   * @param maxTokens a limit, or {@link #ALL_TOKENS}; the batches hold as many whole sequences as
   *     fit into it
   * @throws IllegalArgumentException if a number is out of range, a batch would not fit an array,
   *     or {@code maxTokens} is less than one sequence
   */
  public TokenBatches(
      String run, SequenceSource source, int batchSequences, int vocabularySize, long maxTokens) {
    int contextLength = source.contextLength();
    if (batchSequences < 1 || (long) batchSequences * contextLength > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "batch size: %d sequences (expected: 1 to %d with context length %d)"
              .formatted(batchSequences, (Integer.MAX_VALUE - 8) / contextLength, contextLength));
    }
    if (vocabularySize < 1) {
      throw new IllegalArgumentException(
          "vocabulary size: %d (expected: >= 1)".formatted(vocabularySize));
    }
    if (maxTokens < contextLength) {
      throw new IllegalArgumentException(
          "max tokens: %d (expected: at least one sequence, %d)"
              .formatted(maxTokens, contextLength));
    }
    this.run = run;
    this.source = source;
    this.batchSequences = batchSequences;
    this.vocabularySize = vocabularySize;
    this.maxSequences = maxTokens / contextLength;
  }

  /**
   * Leaves out what was fed already: the next batch begins with the first sequence after it, under
   * the next message number. To be called before the first batch is taken.
   *
   * @throws CorpusException if the input cannot be read or does not begin with what was fed
   * @throws IllegalStateException if batches were taken already
   */
  public void skip(FeedPosition fed) throws CorpusException {
    if (begun) {
      throw new IllegalStateException(
          "batches: begun (expected: what was fed is skipped before the first)");
    }
    begun = true;
    while (sequences < fed.getSequences()) {
      TokenSequence sequence = source.next();
      if (sequence == null) {
        throw new CorpusException(
            "%s: %d sequences of %d tokens (expected: at least the %d that were fed; give all that was fed, then what is new)"
                .formatted(source.name(), sequences, source.contextLength(), fed.getSequences()));
      }
      countDocuments(sequence.documents());
      sequences++;
    }
    if (documents != fed.getDocuments()) {
      throw new CorpusException(
          "%s: %d documents in the first %d sequences (expected: %d, as were fed; give all that was fed, then what is new)"
              .formatted(source.name(), documents, sequences, fed.getDocuments()));
    }
    number = fed.getMessages();
  }

  /**
   * The next batch, or null after the last.
   *
   * @throws CorpusException if the input cannot be read, a token id is outside the vocabulary, or
   *     there is not one whole sequence in it
   */
  public @Nullable TokenBatch next() throws CorpusException {
    begun = true;
    int length = source.contextLength();
    int[] tokens = new int[batchSequences * length];
    List<List<DocumentSpan>> spans = new ArrayList<>();
    while (!ended && spans.size() < batchSequences) {
      TokenSequence sequence = sequences + spans.size() < maxSequences ? source.next() : null;
      if (sequence == null) {
        ended = true;
      } else {
        requireInVocabulary(sequence.tokens(), sequences + spans.size());
        System.arraycopy(sequence.tokens(), 0, tokens, spans.size() * length, length);
        spans.add(sequence.documents());
        countDocuments(sequence.documents());
      }
    }
    if (spans.isEmpty()) {
      if (sequences == 0) {
        throw new CorpusException(
            "%s: less than one sequence of %d tokens (expected: at least one; use a shorter context or more text)"
                .formatted(source.name(), length));
      }
      return null;
    }
    TokenBatch batch =
        new TokenBatch(
            run,
            number,
            sequences,
            length,
            spans.size() == batchSequences ? tokens : Arrays.copyOf(tokens, spans.size() * length),
            spans);
    number++;
    sequences += spans.size();
    return batch;
  }

  /**
   * The end of the stream, with its totals.
   *
   * @throws IllegalStateException if there are batches left
   */
  public EndOfStream end() {
    if (!ended) {
      throw new IllegalStateException("sequences: %d so far (expected: all)".formatted(sequences));
    }
    return new EndOfStream(run, number, sequences, tokens());
  }

  /** The number of the next message: of the next batch, or after the last of the end. */
  public long number() {
    return number;
  }

  /** How many documents have a token in the batches so far, those that were skipped included. */
  public long documents() {
    return documents;
  }

  /** How many sequences they hold. */
  public long sequences() {
    return sequences;
  }

  /** How many tokens they hold. */
  public long tokens() {
    return sequences * source.contextLength();
  }

  @Override
  public void close() {
    source.close();
  }

  private void countDocuments(List<DocumentSpan> spans) {
    for (DocumentSpan span : spans) {
      if (span.document() > lastDocument) {
        lastDocument = span.document();
        documents++;
      }
    }
  }

  private void requireInVocabulary(int[] tokens, long row) throws CorpusException {
    for (int position = 0; position < tokens.length; position++) {
      if (tokens[position] < 0 || tokens[position] >= vocabularySize) {
        throw new CorpusException(
            "token id %d at row %d, position %d of %s (expected: below the vocabulary size %d)"
                .formatted(tokens[position], row, position, source.name(), vocabularySize));
      }
    }
  }
}
