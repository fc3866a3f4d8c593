// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import java.util.OptionalInt;

/**
 * How documents become sequences of exactly L tokens.
 *
 * <p>The corpus is one stream of tokens: for each document its separator, if there is one, then its
 * tokens. The stream is cut into pieces without regard to where documents end; the last, incomplete
 * piece is dropped. Without a beginning-of-sequence token a piece has L tokens and is the sequence.
 * With one, a piece has L - 1 tokens and follows that token, whose position 0 belongs to no
 * document. A separator is its document's token number 0.
 *
 * @param contextLength L, at least 1, and at least 2 with a beginning-of-sequence token
 * @param bos the token id that begins every sequence
 * @param separator the token id put before each document
 */
public record Packing(int contextLength, OptionalInt bos, OptionalInt separator) {
  public Packing {
    int least = bos.isPresent() ? 2 : 1;
    if (contextLength < least) {
      throw new IllegalArgumentException(
          "context length: %d (expected: >= %d)".formatted(contextLength, least));
    }
    requireTokenId("beginning-of-sequence token", bos);
    requireTokenId("separator token", separator);
  }

  private static void requireTokenId(String what, OptionalInt id) {
    if (id.isPresent() && id.getAsInt() < 0) {
      throw new IllegalArgumentException("%s: %d (expected: >= 0)".formatted(what, id.getAsInt()));
    }
  }
}
