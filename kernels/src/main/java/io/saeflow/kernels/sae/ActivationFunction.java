// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

/** What an autoencoder does to a token's pre-activations {@code pre}. */
public sealed interface ActivationFunction {
  /** The latents are the pre-activations, negative ones too. */
  record Identity() implements ActivationFunction {}

  /** {@code max(pre, 0)}. */
  record Relu() implements ActivationFunction {}

  /**
   * The k largest signed pre-activations of the token, then ReLU on them: a token may have fewer
   * than k latents above zero. Ties go to the lower index.
   *
   * @param k at least 1
   */
  record TopK(int k) implements ActivationFunction {
    public TopK {
      if (k < 1) {
        throw new IllegalArgumentException("k: %d (expected: >= 1)".formatted(k));
      }
    }
  }

  /** {@code pre} where it is above both zero and its latent's threshold, else zero. */
  final class JumpRelu implements ActivationFunction {
    private final float[] thresholds;

    /**
     * @param thresholds [nLatents]; shared
     */
    public JumpRelu(float[] thresholds) {
      this.thresholds = thresholds;
    }

    /** [nLatents]; shared. */
    public float[] thresholds() {
      return thresholds;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof JumpRelu that && Arrays.equals(thresholds, that.thresholds);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(thresholds);
    }
  }
}
