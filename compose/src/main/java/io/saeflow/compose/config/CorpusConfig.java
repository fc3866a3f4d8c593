// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The corpus and how it is cut into batches.
 *
 * @param source text or ready tokens
 * @param contextLength tokens a sequence; if empty, {@link #contextLengthFor} decides. Ready tokens
 *     have their own, so it is empty for them
 * @param prependBos whether each sequence begins with the model's begin-of-text token; says nothing
 *     for ready tokens
 * @param separator the token before each document; says nothing for ready tokens
 * @param batchSize sequences a batch
 * @param maxTokens stop once this many tokens have been read; if empty, at the corpus' end
 */
public record CorpusConfig(
    CorpusSource source,
    OptionalInt contextLength,
    boolean prependBos,
    DocumentSeparator separator,
    int batchSize,
    OptionalLong maxTokens) {
  /** Long enough for context to matter, short enough that attention costs little. */
  public static final int DEFAULT_CONTEXT_LENGTH = 256;

  /** GPT-2 puts its largest activations on the first token, so it had better not be a word. */
  public static final boolean DEFAULT_PREPEND_BOS = true;

  /** As GPT-2 was trained. */
  public static final DocumentSeparator DEFAULT_SEPARATOR = DocumentSeparator.EOS;

  /** 2,048 tokens at the default context length: 6 MB of float32 activations at width 768. */
  public static final int DEFAULT_BATCH_SIZE = 8;

  public CorpusConfig {
    if (contextLength.isPresent()) {
      Expectation.atLeast(prependBos ? 2 : 1, "context-length", contextLength.getAsInt());
      if (source instanceof CorpusSource.Tokens) {
        throw new BadInputException(
            "context-length: %d (expected: none with tokens, whose rows are the sequences)"
                .formatted(contextLength.getAsInt()));
      }
    }
    Expectation.atLeast(1, "batch-size", batchSize);
    if (maxTokens.isPresent()) {
      Expectation.atLeast(1, "max-tokens", maxTokens.getAsLong());
    }
  }

  /**
   * The context length for packing text on a model with {@code positions} positions.
   *
   * @throws BadInputException if the one asked for is longer than the model allows
   */
  public int contextLengthFor(int positions) {
    if (contextLength.isEmpty()) {
      return Math.min(positions, DEFAULT_CONTEXT_LENGTH);
    }
    if (contextLength.getAsInt() > positions) {
      throw new BadInputException(
          "context-length: %d (expected: <= %d, the model's n_positions)"
              .formatted(contextLength.getAsInt(), positions));
    }
    return contextLength.getAsInt();
  }
}
