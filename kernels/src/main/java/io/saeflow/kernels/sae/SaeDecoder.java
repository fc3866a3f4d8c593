// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

/**
 * Turns latents back into activations, and says how far from them these are. Every operation is
 * rounded to nearest in float32, and only where {@code fma} is written it is fused, so that every
 * decoder gives the same bits, but for those that tell one NaN from another. For a token x with
 * latents e, ascending:
 *
 * <pre>
 * y[j] = +0;  for each e:  y[j] = fma(value[e], decoderWeights[e][j], y[j])
 * y[j] = y[j] + outputBias[j]
 * y[j] = y[j] * deviation(x) + mean(x)                      with LAYER_NORM
 * </pre>
 *
 * <p>{@code mean} and {@code deviation}, the latter without epsilon, are those by which the encoder
 * normalised x, as {@code InputRows} states them.
 *
 * <p>Not safe for use by several threads: one a thread.
 */
public interface SaeDecoder extends AutoCloseable {
  /**
   * What the latents say that the activations were.
   *
   * @param activations [nTokens, D], row-major; not retained: what was encoded, of which only mean
   *     and deviation are used, and these only with {@link InputNormalization#LAYER_NORM}
   * @param latents the activations'
   * @return [nTokens, D], row-major; of a token that was not finite, it means nothing
   * @throws IllegalArgumentException if the two are not of as many tokens, or a latent is not the
   *     decoder's
   */
  float[] decode(float[] activations, SparseLatents latents);

  /**
   * The normalised mean squared error of each token's reconstruction, {@code mean((y - x)^2) /
   * mean(x^2)}, as {@link io.saeflow.kernels.sparse.SquaredErrors#normalized} computes it.
   *
   * @param activations as for {@link #decode}, and compared with
   * @return [nTokens], none negative; NaN for a token that is not finite or all zero, or whose
   *     error leaves float32's range. A token without latents is compared with the bias; whether it
   *     had none, or an infinite one, cannot be told
   * @throws IllegalArgumentException as for {@link #decode}
   */
  double[] normalizedErrors(float[] activations, SparseLatents latents);

  @Override
  void close();
}
