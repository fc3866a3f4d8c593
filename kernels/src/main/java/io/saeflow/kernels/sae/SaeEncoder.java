// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

/** Turns activations into sparse latents. Not safe for use by several threads: one a thread. */
public interface SaeEncoder extends AutoCloseable {
  /**
   * Encodes a run of tokens; the result does not depend on how tokens are grouped into calls.
   *
   * @param activations [nTokens, D], row-major; not retained. A token with a NaN or infinite value
   *     gets no latents and is counted
   * @throws IllegalArgumentException if the length is not a multiple of the autoencoder's width
   */
  SparseLatents encode(float[] activations);

  @Override
  void close();
}
