// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.EncoderCase;
import io.saeflow.kernels.sae.EncoderCase.Function;
import io.saeflow.kernels.sae.EncoderCase.Numbers;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.InputNormalization;

/**
 * Encodes two rounds of strips in a process of its own, as the environment sets the emulation up
 * for a process. Prints whether the latents are those of the reference.
 */
final class EncodeProgram {
  private EncodeProgram() {}

  public static void main(String[] args) {
    EncoderCase.Drawn drawn =
        new EncoderCase(
                Numbers.NON_FINITE,
                Function.TOP_K,
                InputNormalization.LAYER_NORM,
                5,
                70,
                2 * CudaSaeEncoder.STRIPS * CandidatePlan.TILE,
                5)
            .draw();
    try (CudaDevice device = CudaDevice.open(CudaProbe.probe().devices().get(0));
        CudaSaeWeights weights = CudaSaeWeights.load(drawn.weights(), device);
        CudaSaeEncoder encoder =
            new CudaSaeEncoder(weights, new EncoderMeter(), CandidatePlan.TILE)) {
      System.out.println(encoder.encode(drawn.activations()).equals(drawn.expected()));
    }
  }
}
