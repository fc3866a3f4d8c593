// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.schemas.stream.ActivationDtype;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The model. */
final class ModelOptions {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "Hugging Face GPT-2 directory. Required.")
  private @Nullable Path model;

  @Option(
      names = "--tokenizer",
      paramLabel = "DIR",
      description =
          "Directory of tokenizer.json, or of vocab.json and merges.txt. Default: the model's.")
  private @Nullable Path tokenizer;

  @Option(
      names = "--center-writing-weights",
      negatable = true,
      description =
          "Centre the weights that write into the residual stream, for SAEs trained on"
              + " TransformerLens' processed weights. Default: no.")
  private @Nullable Boolean centerWritingWeights;

  @Option(
      names = "--model-dtype",
      paramLabel = "DTYPE",
      description =
          "float32, or bfloat16 for its matrix products: several times as fast where the processor"
              + " has such instructions, at a relative error of about 1 %%. Default: float32.")
  private @Nullable ModelDtype dtype;

  @Mixin private ModelDeviceOptions device;

  @Option(
      names = "--activation-dtype",
      paramLabel = "DTYPE",
      description =
          "float32, or float16 for half the bytes on the activations topics. Default: float32.")
  private @Nullable ActivationDtype activationDtype;

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    SettingsLine.path(settings, Setting.MODEL, model);
    SettingsLine.path(settings, Setting.TOKENIZER, tokenizer);
    if (dtype != null) {
      settings.modelDtype(dtype);
    }
    device.addTo(settings);
    if (activationDtype != null) {
      settings.activationDtype(activationDtype);
    }
    SettingsLine.flag(settings, Setting.CENTER_WRITING_WEIGHTS, centerWritingWeights);
  }
}
