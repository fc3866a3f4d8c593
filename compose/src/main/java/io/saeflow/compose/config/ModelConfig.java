// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.producer.gpt2.WritingWeights;
import java.nio.file.Path;

/**
 * The model.
 *
 * @param directory a Hugging Face GPT-2 directory
 * @param tokenizer the directory of {@code tokenizer.json}, or of {@code vocab.json} and {@code
 *     merges.txt}
 * @param writingWeights whether they are centred before the run
 * @param threads that the tensor engine uses inside one operation
 */
public record ModelConfig(
    Path directory, Path tokenizer, WritingWeights writingWeights, int threads) {
  public ModelConfig {
    Expectation.atLeast(1, "threads", threads);
  }

  /** Half the cores: the broker and the stream stages share the machine with the model. */
  public static int defaultThreads() {
    return Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
  }
}
