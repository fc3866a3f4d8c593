// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import java.nio.file.Path;

/** Text that a model writes itself, for a demo without any other. */
@FunctionalInterface
public interface ModelText {
  /**
   * Writes a corpus of JSON lines with a field {@code text}; the same arguments, the same text.
   *
   * @param model a Hugging Face GPT-2 directory with its tokenizer
   * @param tokens how many tokens to write at least
   * @param target the file to write
   */
  void write(Path model, long tokens, Path target) throws Exception;
}
