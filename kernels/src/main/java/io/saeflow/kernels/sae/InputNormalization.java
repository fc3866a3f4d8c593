// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

/** What happens to a token's activation before the autoencoder's bias is subtracted. */
public enum InputNormalization {
  /** Nothing. */
  NONE,
  /**
   * {@code (x - mean(x)) / (std(x) + 1e-5)} with the sample standard deviation (divisor D - 1) and
   * epsilon outside the root, as in OpenAI's v5 autoencoders and SAELens' {@code layer_norm}. It is
   * not the usual LayerNorm.
   */
  LAYER_NORM
}
