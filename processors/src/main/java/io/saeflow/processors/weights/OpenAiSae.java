// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.weights;

import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.schemas.tensorfile.TensorFileException;
import io.saeflow.schemas.tensorfile.TorchCheckpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * OpenAI's checkpoints. The earliest name no activation function: theirs is ReLU. That the input is
 * normalised is stated nowhere: it goes with TopK.
 */
final class OpenAiSae {
  private OpenAiSae() {}

  static SaeFile read(Path path) throws TensorFileException, SaeFileException, IOException {
    try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
      SaeTensors tensors = new SaeTensors(path, file);
      int width = tensors.size("pre_bias", 0, 1);
      int latents = tensors.size("latent_bias", 0, 1);
      Object activation = file.value("activation").orElse("ReLU");
      ActivationFunction function;
      if (activation.equals("TopK")) {
        function = new ActivationFunction.TopK(k(file, tensors, latents));
      } else if (activation.equals("ReLU")) {
        function = new ActivationFunction.Relu();
      } else if (activation.equals("Identity")) {
        function = new ActivationFunction.Identity();
      } else {
        throw tensors.problem(
            "activation '%s' (expected: TopK, ReLU or Identity)".formatted(named(activation)));
      }
      InputNormalization normalization =
          activation.equals("TopK") ? InputNormalization.LAYER_NORM : InputNormalization.NONE;
      float[] bias = tensors.read("pre_bias", width);
      return SaeFile.of(
          tensors.weights(
              normalization,
              bias,
              tensors.read("encoder.weight", latents, width),
              tensors.read("latent_bias", latents),
              function),
          decoder(tensors, latents, normalization, bias),
          "openai",
          Optional.empty(),
          path);
    }
  }

  /** {@code decoder.weight} is [D, n], the transpose of ours. */
  private static Optional<DecoderWeights> decoder(
      SaeTensors tensors, int latents, InputNormalization normalization, float[] bias)
      throws TensorFileException, SaeFileException {
    if (!tensors.has("decoder.weight")) {
      return Optional.empty();
    }
    int width = bias.length;
    float[] decoder =
        SaeTensors.transpose(tensors.read("decoder.weight", width, latents), width, latents);
    return Optional.of(tensors.decoder(normalization, decoder, bias));
  }

  private static int k(TorchCheckpoint file, SaeTensors tensors, int latents)
      throws SaeFileException {
    Object state = file.value("activation_state_dict").orElse(Map.of());
    if (!(state instanceof Map<?, ?> dict) || !(dict.get("k") instanceof Integer k)) {
      throw tensors.problem("activation_state_dict (expected: a dict with an integer k)");
    }
    if (!"ReLU".equals(dict.get("postact_fn"))) {
      throw tensors.problem(
          "postact_fn '%s' (expected: ReLU)".formatted(named(dict.get("postact_fn"))));
    }
    if (k < 1 || k > latents) {
      throw tensors.problem("k %d (expected: 1 to %d, the latents)".formatted(k, latents));
    }
    return k;
  }

  /** What to call a value from a file: the text if it is one, else only its kind. */
  private static String named(@Nullable Object value) {
    return value == null
        ? "None"
        : value instanceof String text ? text : value.getClass().getSimpleName();
  }
}
