// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.weights;

import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.schemas.tensorfile.Safetensors;
import io.saeflow.schemas.tensorfile.TensorFileException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * EleutherAI sparsify's folders. It applies ReLU before it selects; selecting before is the same,
 * since what differs is only which zeros are among the k.
 */
final class SparsifySae {
  static final String WEIGHTS = "sae.safetensors";
  private static final int DEFAULT_EXPANSION_FACTOR = 32;
  private static final int DEFAULT_K = 32;

  private SparsifySae() {}

  static SaeFile read(Path folder) throws TensorFileException, SaeFileException, IOException {
    SaeConfig config = SaeConfig.read(folder);
    String activation = config.text("topk", "activation");
    if (!activation.equals("topk")) {
      throw SaeConfig.problem("activation '%s' (expected: topk)".formatted(activation));
    }
    config.refuse("transcode");
    config.refuse("skip_connection");
    config.refuse("signed"); // older versions could select by magnitude
    Path path = folder.resolve(WEIGHTS);
    try (Safetensors file = Safetensors.open(path)) {
      SaeTensors tensors = new SaeTensors(path, file);
      int width = config.integer(tensors.size("encoder.weight", 1, 2), "d_in");
      long latents = config.integer(0, "num_latents");
      if (latents == 0) {
        latents = (long) width * config.integer(DEFAULT_EXPANSION_FACTOR, "expansion_factor");
      }
      float[] bias = tensors.read("b_dec", width);
      Optional<DecoderWeights> decoder = Optional.empty();
      if (tensors.has("W_dec")) {
        decoder =
            Optional.of(
                tensors.decoder(
                    InputNormalization.NONE, tensors.read("W_dec", latents, width), bias));
      }
      return SaeFile.of(
          tensors.weights(
              InputNormalization.NONE,
              bias,
              tensors.read("encoder.weight", latents, width),
              tensors.read("encoder.bias", latents),
              config.topK(DEFAULT_K, tensors.size("encoder.bias", 0, 1), "k")),
          decoder,
          "sparsify",
          Optional.empty(),
          folder.resolve(SaeConfig.NAME),
          path);
    }
  }
}
