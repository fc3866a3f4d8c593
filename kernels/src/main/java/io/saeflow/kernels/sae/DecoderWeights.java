// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.sparse.CsrMatrix;

/**
 * The decoder half of a sparse autoencoder. Arrays are shared, not copied.
 *
 * <p>{@code reconstruction = denormalize(sum of value(i) * decoderWeights[i] + outputBias)}
 *
 * <p>Values may be NaN or infinite, as those of a dead latent whose row was divided by its norm:
 * they do harm only where that latent is active, and then show in the reconstruction.
 */
public final class DecoderWeights {
  private final InputNormalization normalization;
  private final float[] decoderWeights;
  private final float[] outputBias;

  /**
   * @param normalization what the encoder did to the input, and is undone in the end
   * @param decoderWeights [n, D], row-major: row i is what latent i adds
   * @param outputBias [D]
   * @throws IllegalArgumentException if the lengths do not fit
   */
  public DecoderWeights(
      InputNormalization normalization, float[] decoderWeights, float[] outputBias) {
    if (outputBias.length == 0 || decoderWeights.length % outputBias.length != 0) {
      throw new IllegalArgumentException(
          "decoder weights: %d values (expected: a multiple of the output bias', %d)"
              .formatted(decoderWeights.length, outputBias.length));
    }
    this.normalization = normalization;
    this.decoderWeights = decoderWeights;
    this.outputBias = outputBias;
  }

  /** D. */
  public int width() {
    return outputBias.length;
  }

  /** n. */
  public int latents() {
    return decoderWeights.length / outputBias.length;
  }

  /**
   * The latents of activations as the sparse matrix [nTokens, n] that decodes by its product with
   * the weights.
   *
   * @param activations [nTokens, D], row-major
   * @throws IllegalArgumentException if the two are not of as many tokens, or a latent is not one
   *     of these weights
   */
  public CsrMatrix matrix(float[] activations, SparseLatents latents) {
    if (activations.length != (long) latents.tokens() * width()) {
      throw new IllegalArgumentException(
          "activations: %d values (expected: %d tokens of width %d)"
              .formatted(activations.length, latents.tokens(), width()));
    }
    return new CsrMatrix(latents(), latents.offsets(), latents.latents(), latents.values());
  }

  /** What is undone in the end. */
  public InputNormalization normalization() {
    return normalization;
  }

  /** [n, D], row-major; shared. */
  public float[] decoderWeights() {
    return decoderWeights;
  }

  /** [D]; shared. */
  public float[] outputBias() {
    return outputBias;
  }
}
