// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.DocumentSeparator;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The corpus and how it is cut into batches. */
final class CorpusOptions {
  @Option(
      names = "--text",
      paramLabel = "FILE",
      arity = "1..*",
      description = "Corpus: .txt, .jsonl or .jsonl.gz files, in this order.")
  private @Nullable List<Path> text;

  @Option(
      names = "--text-field",
      paramLabel = "NAME",
      description = "The field of a JSON line that holds the text. Default: text.")
  private @Nullable String textField;

  @Option(
      names = "--tokens",
      paramLabel = "FILE",
      description = "Corpus: ready token ids, .npy [sequences, context], used as they are.")
  private @Nullable Path tokens;

  @Option(
      names = "--context-length",
      paramLabel = "TOKENS",
      description =
          "Tokens a sequence when packing text. Default: 256, or the model's n_positions if that"
              + " is less.")
  private @Nullable Long contextLength;

  @Option(
      names = "--prepend-bos",
      negatable = true,
      description =
          "Begin each sequence with the begin-of-text token. Default: yes; --no-prepend-bos for"
              + " no.")
  private @Nullable Boolean prependBos;

  @Option(
      names = "--document-separator",
      paramLabel = "none|bos|eos",
      description = "The token before each document. Default: eos.")
  private @Nullable DocumentSeparator documentSeparator;

  @Option(
      names = "--batch-size",
      paramLabel = "SEQUENCES",
      description = "Sequences a batch. Default: 8.")
  private @Nullable Long batchSize;

  @Option(
      names = "--max-tokens",
      paramLabel = "TOKENS",
      converter = TokenCountConverter.class,
      description = "Stop there: 200000, 200_000, 200k or 2m. Default: the corpus' end.")
  private @Nullable Long maxTokens;

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    if (text != null) {
      settings.paths(Setting.TEXT, text);
    }
    SettingsLine.text(settings, Setting.TEXT_FIELD, textField);
    SettingsLine.path(settings, Setting.TOKENS, tokens);
    SettingsLine.number(settings, Setting.CONTEXT_LENGTH, contextLength);
    SettingsLine.flag(settings, Setting.PREPEND_BOS, prependBos);
    if (documentSeparator != null) {
      settings.documentSeparator(documentSeparator);
    }
    SettingsLine.number(settings, Setting.BATCH_SIZE, batchSize);
    if (maxTokens != null) {
      settings.maxTokens(maxTokens);
    }
  }
}
