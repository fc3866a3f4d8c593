// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.Tokenizer;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.sinks.records.TokenText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** The texts of a run's tokens, where the run was defined elsewhere. */
public final class PreparedText implements AutoCloseable {
  private final Optional<Tokenizer> tokenizer;
  private final int vocabularySize;

  private PreparedText(Optional<Tokenizer> tokenizer, int vocabularySize) {
    this.tokenizer = tokenizer;
    this.vocabularySize = vocabularySize;
  }

  /**
   * Opens a tokenizer.
   *
   * @param directory its files; if empty, tokens are shown by their numbers
   * @throws BadInputException if it cannot be used, is not the run's, or the run's text was made
   *     with one and there is none
   * @throws IOException if a file cannot be read
   */
  public static PreparedText open(Optional<Path> directory, RunManifest run) throws IOException {
    if (directory.isEmpty()) {
      if (!run.getTokenizerSha256().isEmpty()) {
        throw new BadInputException(
            "tokenizer: missing (expected: --tokenizer DIR, the one that run '%s' began with)"
                .formatted(run.getRun()));
      }
      return new PreparedText(Optional.empty(), run.getVocabularySize());
    }
    Tokenizer tokenizer;
    try {
      tokenizer = Tokenizer.open(directory.get());
    } catch (CorpusException e) {
      throw new BadInputException(e.getMessage(), e);
    }
    boolean same = false;
    try {
      // Ready tokens say nothing of their tokenizer.
      if (!run.getTokenizerSha256().isEmpty()) {
        Digests.requireSame(
            "tokenizer " + directory.get(), tokenizer.files(), run.getTokenizerSha256());
      }
      same = true;
      return new PreparedText(Optional.of(tokenizer), run.getVocabularySize());
    } finally {
      if (!same) {
        tokenizer.close();
      }
    }
  }

  /** A token's text; its number in brackets if there is no tokenizer, or the token is not in it. */
  public TokenText text() {
    return of(tokenizer, vocabularySize);
  }

  @Override
  public void close() {
    tokenizer.ifPresent(Tokenizer::close);
  }

  static TokenText of(Optional<Tokenizer> tokenizer, int vocabularySize) {
    // Sinks ask millions of times for few tokens, and each answer of the tokenizer is a native
    // call.
    AtomicReferenceArray<String> known = new AtomicReferenceArray<>(vocabularySize);
    return id -> {
      String text = known.get(id);
      if (text == null) {
        text =
            tokenizer
                .filter(words -> id < words.vocabularySize())
                .map(words -> words.token(id))
                .orElseGet(() -> "[" + id + "]");
        known.set(id, text);
      }
      return text;
    };
  }
}
