// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

/** Applies an activation function to the pre-activations of one token. One object a thread. */
public final class ActiveLatents {
  private final ActivationFunction function;
  private long[] ranks = new long[0];

  /** Of this function. */
  public ActiveLatents(ActivationFunction function) {
    this.function = function;
  }

  /**
   * Adds a token's active latents and ends the token.
   *
   * @param candidates ascending; every latent that is active must be among them
   * @param pre their pre-activations, finite, none of them -0
   * @param count how many candidates there are
   */
  public void add(int[] candidates, float[] pre, int count, SparseRows rows) {
    if (function instanceof ActivationFunction.TopK topK) {
      addLargest(topK.k(), candidates, pre, count, rows);
    } else if (function instanceof ActivationFunction.JumpRelu jumpRelu) {
      float[] thresholds = jumpRelu.thresholds();
      for (int c = 0; c < count; c++) {
        if (pre[c] > 0 && pre[c] > thresholds[candidates[c]]) {
          rows.add(candidates[c], pre[c]);
        }
      }
    } else {
      boolean negatives = function instanceof ActivationFunction.Identity;
      for (int c = 0; c < count; c++) {
        if (pre[c] > 0 || (negatives && pre[c] != 0)) {
          rows.add(candidates[c], pre[c]);
        }
      }
    }
    rows.endToken();
  }

  /**
   * The k largest and then only the positive of them are the k largest of the positive ones, so the
   * negative ones need no rank.
   */
  private void addLargest(int k, int[] candidates, float[] pre, int count, SparseRows rows) {
    if (ranks.length < count) {
      ranks = new long[count];
    }
    int positives = 0;
    for (int c = 0; c < count; c++) {
      if (pre[c] > 0) {
        ranks[positives++] = rank(candidates[c], pre[c]);
      }
    }
    long lowest = 0;
    if (positives > k) {
      Arrays.sort(ranks, 0, positives);
      lowest = ranks[positives - k];
    }
    for (int c = 0; c < count; c++) {
      if (pre[c] > 0 && rank(candidates[c], pre[c]) >= lowest) {
        rows.add(candidates[c], pre[c]);
      }
    }
  }

  /**
   * Orders by value, and equal values by descending latent. Bits of positive floats are ordered.
   */
  private static long rank(int latent, float positive) {
    return (long) Float.floatToRawIntBits(positive) << 32 | (Integer.MAX_VALUE - latent);
  }
}
