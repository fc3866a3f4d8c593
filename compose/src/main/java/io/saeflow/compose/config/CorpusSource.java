// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import java.nio.file.Path;
import java.util.List;

/** Where the tokens come from. */
public sealed interface CorpusSource {
  /** The files, in the order in which they are read. */
  List<Path> files();

  /**
   * Text, to be tokenized and packed.
   *
   * @param files {@code .txt}, {@code .jsonl} or {@code .jsonl.gz}; at least one
   * @param field the field of each JSON line that holds the text
   */
  record Text(List<Path> files, String field) implements CorpusSource {
    /** The name that most JSON-lines corpora use. */
    public static final String DEFAULT_FIELD = "text";

    public Text {
      files = List.copyOf(files);
      if (files.isEmpty()) {
        throw new BadInputException("text: no file (expected: at least one)");
      }
      if (field.isEmpty()) {
        throw new BadInputException("text-field: '' (expected: a field's name)");
      }
    }
  }

  /**
   * Ready token ids, used as they are.
   *
   * @param file a {@code .npy} array [sequences, context]
   */
  record Tokens(Path file) implements CorpusSource {
    @Override
    public List<Path> files() {
      return List.of(file);
    }
  }
}
