// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

/** Collects {@link SparseLatents} token by token. */
final class SparseRows {
  private final int[] offsets;
  private int tokens;
  private int nonFiniteTokens;
  private int entries;
  private int[] latents = new int[64];
  private float[] values = new float[64];

  SparseRows(int tokens) {
    this.offsets = new int[tokens + 1];
  }

  /** Adds to the token that the next {@link #endToken} ends. */
  void add(int latent, float value) {
    if (entries == latents.length) {
      int capacity = Math.multiplyExact(entries, 2);
      latents = Arrays.copyOf(latents, capacity);
      values = Arrays.copyOf(values, capacity);
    }
    latents[entries] = latent;
    values[entries++] = value;
  }

  void endToken() {
    offsets[++tokens] = entries;
  }

  /** Ends a token to which nothing was added, because of a NaN or an infinity. */
  void endNonFiniteToken() {
    nonFiniteTokens++;
    endToken();
  }

  SparseLatents build() {
    return new SparseLatents(
        nonFiniteTokens, offsets, Arrays.copyOf(latents, entries), Arrays.copyOf(values, entries));
  }
}
