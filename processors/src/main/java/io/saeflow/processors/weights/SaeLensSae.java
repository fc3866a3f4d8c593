// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.weights;

import com.fasterxml.jackson.databind.JsonNode;
import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.tensorfile.Safetensors;
import io.saeflow.schemas.tensorfile.TensorFileException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * SAELens' folders, of version 6 and before. Before 6 a TopK autoencoder is a standard one whose
 * activation function is {@code topk}, some keys have older names, and {@code
 * normalize_activations} may be a flag. {@code W_enc} is [D, n], the transpose of ours.
 */
final class SaeLensSae {
  static final String WEIGHTS = "sae_weights.safetensors";

  private SaeLensSae() {}

  static SaeFile read(Path folder) throws TensorFileException, SaeFileException, IOException {
    SaeConfig config = SaeConfig.read(folder);
    String architecture = architecture(config);
    InputNormalization normalization = normalization(config);
    requirePlainInput(config);
    Optional<HookPoint> hook = hook(config);
    Path path = folder.resolve(WEIGHTS);
    try (Safetensors file = Safetensors.open(path)) {
      SaeTensors tensors = new SaeTensors(path, file);
      int width = tensors.size("W_enc", 0, 2);
      int latents = tensors.size("W_enc", 1, 2);
      requireSize(config, "d_in", width);
      requireSize(config, "d_sae", latents);
      requireNoScaling(tensors, latents);
      float[] encoder = SaeTensors.transpose(tensors.read("W_enc", width, latents), width, latents);
      float[] latentBias = tensors.read("b_enc", latents);
      Optional<float[]> decoder =
          tensors.has("W_dec")
              ? Optional.of(tensors.read("W_dec", latents, width))
              : Optional.empty();
      ActivationFunction function;
      if (architecture.equals("topk")) {
        function = config.topK(0, latents, "k", "activation_fn_kwargs.k");
        if (config.flag("rescale_acts_by_decoder_norm", false)) {
          moveNorms(
              decoder.isPresent() ? decoder.get() : tensors.read("W_dec", latents, width),
              encoder,
              latentBias);
        }
      } else if (architecture.equals("jumprelu")) {
        function = new ActivationFunction.JumpRelu(tensors.read("threshold", latents));
      } else {
        function = new ActivationFunction.Relu();
      }
      float[] inputBias =
          config.flag("apply_b_dec_to_input", true)
              ? tensors.read("b_dec", width)
              : new float[width];
      Optional<DecoderWeights> decoderWeights = Optional.empty();
      if (decoder.isPresent() && tensors.has("b_dec")) {
        decoderWeights =
            Optional.of(
                tensors.decoder(normalization, decoder.get(), tensors.read("b_dec", width)));
      }
      return SaeFile.of(
          tensors.weights(normalization, inputBias, encoder, latentBias, function),
          decoderWeights,
          "saelens",
          hook,
          folder.resolve(SaeConfig.NAME),
          path);
    }
  }

  private static String architecture(SaeConfig config) throws SaeFileException {
    String architecture = config.text("standard", "architecture");
    if (!List.of("standard", "topk", "jumprelu").contains(architecture)) {
      throw SaeConfig.problem(
          "architecture '%s' (expected: standard, topk or jumprelu)".formatted(architecture));
    }
    String function = config.text("relu", "activation_fn", "activation_fn_str");
    if (function.equals("topk") && !architecture.equals("jumprelu")) {
      return "topk";
    }
    if (!function.equals("relu")) {
      throw SaeConfig.problem(
          "activation_fn '%s' (expected: relu, or topk if standard)".formatted(function));
    }
    return architecture;
  }

  private static InputNormalization normalization(SaeConfig config) throws SaeFileException {
    JsonNode node = config.find("normalize_activations");
    String name = "none";
    if (node.isBoolean()) {
      name = node.booleanValue() ? "expected_average_only_in" : "none";
    } else if (!node.isMissingNode()) {
      name = config.text("none", "normalize_activations");
    }
    return switch (name) {
      case "none" -> InputNormalization.NONE;
      case "layer_norm" -> InputNormalization.LAYER_NORM;
      default ->
          throw SaeConfig.problem(
              "normalize_activations '%s' (expected: none or layer_norm)".formatted(name));
    };
  }

  private static void requirePlainInput(SaeConfig config) throws SaeFileException {
    String reshape = config.text("none", "reshape_activations");
    if (!reshape.equals("none")) {
      throw SaeConfig.problem("reshape_activations '%s' (expected: none)".formatted(reshape));
    }
    JsonNode head =
        config.find(
            "metadata.hook_head_index",
            "hook_head_index",
            "hook_point_head_index",
            "metadata.hook_point_head_index");
    if (!head.isMissingNode()) {
      throw SaeConfig.problem("hook_head_index %s (expected: none)".formatted(head));
    }
  }

  private static Optional<HookPoint> hook(SaeConfig config) throws SaeFileException {
    String name =
        config.text("", "metadata.hook_name", "hook_name", "hook_point", "metadata.hook_point");
    try {
      return name.isEmpty() ? Optional.empty() : Optional.of(HookPoint.parse(name));
    } catch (IllegalArgumentException e) {
      throw new SaeFileException(SaeConfig.NAME + ": " + e.getMessage(), e);
    }
  }

  private static void requireSize(SaeConfig config, String key, int size) throws SaeFileException {
    int declared = config.integer(size, key);
    if (declared != size) {
      throw SaeConfig.problem("%s %d (expected: %d, as W_enc has)".formatted(key, declared, size));
    }
  }

  /** Fine-tuning may have left a factor on each latent; it does nothing while all are one. */
  private static void requireNoScaling(SaeTensors tensors, int latents)
      throws TensorFileException, SaeFileException {
    for (String name : List.of("scaling_factor", "finetuning_scaling_factor")) {
      if (tensors.has(name)) {
        for (float factor : tensors.read(name, latents)) {
          if (factor != 1) {
            throw tensors.problem("tensor '%s': %s (expected: ones)".formatted(name, factor));
          }
        }
      }
    }
  }

  /**
   * Multiplies each latent's pre-activation by the norm of its decoder row, and divides that row by
   * it; a row of zeros stays.
   */
  private static void moveNorms(float[] decoder, float[] encoder, float[] latentBias) {
    int width = decoder.length / latentBias.length;
    for (int latent = 0; latent < latentBias.length; latent++) {
      double squares = 0;
      for (int i = latent * width; i < (latent + 1) * width; i++) {
        squares += (double) decoder[i] * decoder[i];
      }
      double norm = Math.sqrt(squares);
      for (int i = latent * width; i < (latent + 1) * width; i++) {
        encoder[i] = (float) (encoder[i] * norm);
        decoder[i] = norm == 0 ? 0 : (float) (decoder[i] / norm);
      }
      latentBias[latent] = (float) (latentBias[latent] * norm);
    }
  }
}
