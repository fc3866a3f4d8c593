// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import java.util.Arrays;
import java.util.List;

/**
 * S sequences of L token ids, with where each came from.
 *
 * <p>Row r is sequence {@code firstSequence + r} of the run. Values are shared, not copied.
 */
public final class TokenBatch implements TokenMessage {
  private final String run;
  private final long number;
  private final long firstSequence;
  private final int contextLength;
  private final int[] tokens;
  private final List<List<DocumentSpan>> documents;

  /**
   * @param number the number of its message in the run, from 0
   * @param firstSequence the run-wide number of row 0
   * @param contextLength L, at least 1
   * @param tokens [S, L], row-major, S at least 1
   * @param documents for each row, its spans by ascending start; may be empty for a row
   * @throws IllegalArgumentException if these do not fit together
   */
  public TokenBatch(
      String run,
      long number,
      long firstSequence,
      int contextLength,
      int[] tokens,
      List<List<DocumentSpan>> documents) {
    if (number < 0 || firstSequence < 0) {
      throw new IllegalArgumentException(
          "batch %d, first sequence %d (expected: none negative)".formatted(number, firstSequence));
    }
    if (contextLength < 1 || tokens.length == 0 || tokens.length % contextLength != 0) {
      throw new IllegalArgumentException(
          "tokens of batch %d: %d (expected: a positive multiple of the context length %d)"
              .formatted(number, tokens.length, contextLength));
    }
    if (documents.size() != tokens.length / contextLength) {
      throw new IllegalArgumentException(
          "document lists of batch %d: %d (expected: one for each of %d sequences)"
              .formatted(number, documents.size(), tokens.length / contextLength));
    }
    this.run = run;
    this.number = number;
    this.firstSequence = firstSequence;
    this.contextLength = contextLength;
    this.tokens = tokens;
    this.documents = documents.stream().map(List::copyOf).toList();
    for (List<DocumentSpan> spans : this.documents) {
      int previous = -1;
      for (DocumentSpan span : spans) {
        if (span.start() <= previous || span.start() >= contextLength) {
          throw new IllegalArgumentException(
              "document span of batch %d starts at %d (expected: ascending, below %d)"
                  .formatted(number, span.start(), contextLength));
        }
        previous = span.start();
      }
    }
  }

  @Override
  public String run() {
    return run;
  }

  @Override
  public long number() {
    return number;
  }

  /** The run-wide number of row 0. */
  public long firstSequence() {
    return firstSequence;
  }

  /** S. */
  public int sequences() {
    return tokens.length / contextLength;
  }

  /** L. */
  public int contextLength() {
    return contextLength;
  }

  /** [S, L], row-major; shared. */
  public int[] tokens() {
    return tokens;
  }

  /** For each row, its spans by ascending start. */
  public List<List<DocumentSpan>> documents() {
    return documents;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenBatch that
        && run.equals(that.run)
        && number == that.number
        && firstSequence == that.firstSequence
        && contextLength == that.contextLength
        && Arrays.equals(tokens, that.tokens)
        && documents.equals(that.documents);
  }

  @Override
  public int hashCode() {
    return run.hashCode() * 31 + Long.hashCode(number);
  }

  @Override
  public String toString() {
    return "TokenBatch[%s, %d, %d x %d]".formatted(run, number, sequences(), contextLength);
  }
}
