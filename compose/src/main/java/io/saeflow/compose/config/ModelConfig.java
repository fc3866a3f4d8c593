// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.kernels.device.Device;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.stream.ActivationDtype;
import java.nio.file.Path;

/**
 * The model.
 *
 * @param directory a Hugging Face GPT-2 directory
 * @param tokenizer the directory of {@code tokenizer.json}, or of {@code vocab.json} and {@code
 *     merges.txt}
 * @param writingWeights whether they are centred before the run
 * @param dtype in what it multiplies
 * @param device where it runs; not auto
 * @param activationDtype in what its activations are published
 * @param threads how many batches it runs over at once
 */
public record ModelConfig(
    Path directory,
    Path tokenizer,
    WritingWeights writingWeights,
    ModelDtype dtype,
    Device device,
    ActivationDtype activationDtype,
    int threads) {
  /** What {@code device} may be. */
  public static final String DEVICES = "cpu, cuda or cuda:N";

  public ModelConfig {
    if (device instanceof Device.Auto) {
      throw new BadInputException("model-device: auto (expected: %s)".formatted(DEVICES));
    }
    Expectation.atLeast(1, "threads", threads);
  }

  /** All cores: it has most of the work, and the other stages take what they need from it. */
  public static int defaultThreads() {
    return Runtime.getRuntime().availableProcessors();
  }
}
