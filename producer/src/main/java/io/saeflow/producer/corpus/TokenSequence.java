// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import io.saeflow.schemas.stream.DocumentSpan;
import java.util.List;

/** L token ids and where they come from. The array is shared, not copied. */
public final class TokenSequence {
  private final int[] tokens;
  private final List<DocumentSpan> documents;

  /**
   * @param tokens [L]
   * @param documents by ascending start
   */
  public TokenSequence(int[] tokens, List<DocumentSpan> documents) {
    this.tokens = tokens;
    this.documents = List.copyOf(documents);
  }

  /** [L]; shared. */
  public int[] tokens() {
    return tokens;
  }

  /** By ascending start. */
  public List<DocumentSpan> documents() {
    return documents;
  }
}
