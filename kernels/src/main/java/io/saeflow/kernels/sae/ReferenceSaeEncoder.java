// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.sparse.Dot32;

/**
 * Defines every bit of an encoder's result, by the shortest road: every latent of every token.
 *
 * <p>The row z of a token is made as {@code InputRows} states. {@code pre(i) = (dot32(z, w_i) +
 * b_i) + 0}, in float32, where dot32 is {@code Dot32}'s order of fused multiply-adds and the last
 * addition turns -0 into +0. A token is non-finite, has no latents and is counted if any value of x
 * or z or any of its n pre-activations is NaN or infinite. What the activation function leaves
 * above zero (with {@code Identity}: other than zero) is its latents.
 */
final class ReferenceSaeEncoder implements SaeEncoder {
  private final SaeWeights weights;
  private final InputRows inputRows;
  private final ActiveLatents activeLatents;
  private final Dot32 dot32 = new Dot32();
  private final int[] all;
  private final float[] pre;

  ReferenceSaeEncoder(SaeWeights weights) {
    this.weights = weights;
    this.inputRows = new InputRows(weights);
    this.activeLatents = new ActiveLatents(weights.activationFunction());
    this.all = new int[weights.latents()];
    for (int i = 0; i < all.length; i++) {
      all[i] = i;
    }
    this.pre = new float[weights.latents()];
  }

  @Override
  public SparseLatents encode(float[] activations) {
    int tokens = weights.tokens(activations);
    SparseRows rows = new SparseRows(tokens);
    float[] row = new float[weights.width()];
    for (int t = 0; t < tokens; t++) {
      if (inputRows.prepare(activations, t * weights.width(), row, 0)) {
        addToken(row, 0, rows);
      } else {
        rows.endNonFiniteToken();
      }
    }
    return rows.build();
  }

  /** There is nothing to free. */
  @Override
  public void close() {}

  /** Encodes the prepared row at {@code prepared[from]}. */
  void addToken(float[] prepared, int from, SparseRows rows) {
    for (int i = 0; i < pre.length; i++) {
      pre[i] = preActivation(prepared, from, i);
      if (!Float.isFinite(pre[i])) {
        rows.endNonFiniteToken();
        return;
      }
    }
    activeLatents.add(all, pre, pre.length, rows);
  }

  float preActivation(float[] prepared, int from, int latent) {
    int width = weights.width();
    float dot = dot32.dot(prepared, from, weights.encoderWeights(), latent * width, width);
    return dot + weights.latentBias()[latent] + 0f;
  }
}
