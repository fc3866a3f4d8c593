// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.CorpusConfig;
import io.saeflow.compose.config.CorpusSource;
import io.saeflow.compose.config.ModelConfig;
import io.saeflow.producer.corpus.Corpus;
import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.DocumentSource;
import io.saeflow.producer.corpus.Packing;
import io.saeflow.producer.corpus.SequencePacker;
import io.saeflow.producer.corpus.SequenceSource;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.corpus.TokenMatrix;
import io.saeflow.producer.corpus.Tokenizer;
import io.saeflow.producer.gpt2.Gpt2Config;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/** A corpus and the tokenizer that belongs to it. */
final class PreparedCorpus implements AutoCloseable {
  private static final OptionalInt NONE = OptionalInt.empty();

  private final CorpusConfig config;
  private final Gpt2Config model;
  private final Optional<Tokenizer> tokenizer;
  private final Packing packing;

  private PreparedCorpus(
      CorpusConfig config, Gpt2Config model, Optional<Tokenizer> tokenizer, Packing packing) {
    this.config = config;
    this.model = model;
    this.tokenizer = tokenizer;
    this.packing = packing;
  }

  /** Opens the tokenizer and decides on the packing; {@link #lookThrough} reads the corpus. */
  static PreparedCorpus open(CorpusConfig config, ModelConfig modelConfig, Gpt2Config model) {
    Optional<Tokenizer> tokenizer = Optional.empty();
    boolean checked = false;
    try {
      tokenizer = tokenizer(config.source(), modelConfig.tokenizer());
      PreparedCorpus corpus = new PreparedCorpus(config, model, tokenizer, packing(config, model));
      checked = true;
      return corpus;
    } catch (CorpusException e) {
      throw new BadInputException(e.getMessage(), e);
    } finally {
      if (!checked) {
        tokenizer.ifPresent(Tokenizer::close);
      }
    }
  }

  CorpusConfig config() {
    return config;
  }

  Packing packing() {
    return packing;
  }

  Optional<Tokenizer> tokenizer() {
    return tokenizer;
  }

  /** The batches, from the first; the caller closes them. */
  TokenBatches batches(String run) throws CorpusException {
    SequenceSource source = sequences();
    try {
      return new TokenBatches(
          run,
          source,
          config.batchSize(),
          model.vocabularySize(),
          config.maxTokens().orElse(TokenBatches.ALL_TOKENS));
    } catch (IllegalArgumentException e) {
      source.close();
      throw new BadInputException(e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    tokenizer.ifPresent(Tokenizer::close);
  }

  private SequenceSource sequences() throws CorpusException {
    if (config.source() instanceof CorpusSource.Tokens tokens) {
      return TokenMatrix.open(tokens.file());
    }
    CorpusSource.Text text = (CorpusSource.Text) config.source();
    return new SequencePacker(
        Corpus.open(text.files(), text.field()).read(), tokenizer.orElseThrow()::encode, packing);
  }

  /**
   * Reads what can be wrong late in a file, so that a run does not fail after hours: every line of
   * text, though only the first batch of it is tokenized, and every ready token.
   *
   * @throws BadInputException if it cannot be used
   */
  void lookThrough() {
    try {
      readThrough();
    } catch (CorpusException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  private void readThrough() throws CorpusException {
    if (config.source() instanceof CorpusSource.Text text) {
      try (DocumentSource documents = Corpus.open(text.files(), text.field()).read()) {
        while (documents.next() != null) {}
      }
    }
    try (TokenBatches batches = batches("check")) {
      boolean all = config.source() instanceof CorpusSource.Tokens;
      while (batches.next() != null && all) {}
    }
  }

  private static Optional<Tokenizer> tokenizer(CorpusSource source, Path directory)
      throws CorpusException {
    // Ready tokens need none; with one, viewers show text rather than numbers.
    boolean there =
        Files.exists(directory.resolve("tokenizer.json"))
            || Files.exists(directory.resolve("vocab.json"));
    return source instanceof CorpusSource.Text || there
        ? Optional.of(Tokenizer.open(directory))
        : Optional.empty();
  }

  private static Packing packing(CorpusConfig config, Gpt2Config model) throws CorpusException {
    if (config.source() instanceof CorpusSource.Tokens tokens) {
      try (TokenMatrix matrix = TokenMatrix.open(tokens.file())) {
        if (matrix.contextLength() > model.positions()) {
          throw new BadInputException(
              "%s: sequences of %d tokens (expected: at most the model's %d positions)"
                  .formatted(tokens.file(), matrix.contextLength(), model.positions()));
        }
        return new Packing(matrix.contextLength(), OptionalInt.empty(), OptionalInt.empty());
      }
    }
    OptionalInt bos =
        config.prependBos() ? present("prepend-bos", model.bosToken(), "bos_token_id") : NONE;
    OptionalInt separator =
        switch (config.separator()) {
          case NONE -> NONE;
          case BOS -> present("document-separator", model.bosToken(), "bos_token_id");
          case EOS -> present("document-separator", model.eosToken(), "eos_token_id");
        };
    return new Packing(config.contextLengthFor(model.positions()), bos, separator);
  }

  private static OptionalInt present(String setting, OptionalInt token, String field) {
    if (token.isEmpty()) {
      throw new BadInputException(
          "%s: the model's config.json has no %s (expected: one, or another setting)"
              .formatted(setting, field));
    }
    return token;
  }
}
