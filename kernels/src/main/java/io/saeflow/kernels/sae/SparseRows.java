// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

/** Collects {@link SparseLatents} token by token. */
public final class SparseRows {
  private final int[] offsets;
  private int tokens;
  private int nonFiniteTokens;
  private int entries;
  private int[] latents = new int[64];
  private float[] values = new float[64];

  /**
   * @param tokens how many there will be
   */
  public SparseRows(int tokens) {
    this.offsets = new int[tokens + 1];
  }

  /** Adds to the token that the next {@link #endToken} ends. */
  public void add(int latent, float value) {
    reserve(entries + 1);
    latents[entries] = latent;
    values[entries++] = value;
  }

  /** Ends a token. */
  public void endToken() {
    offsets[++tokens] = entries;
  }

  /** Ends a token to which nothing was added, because of a NaN or an infinity. */
  public void endNonFiniteToken() {
    nonFiniteTokens++;
    endToken();
  }

  /** Adds the tokens of {@code other} after this one's. */
  void append(SparseRows other) {
    reserve(Math.addExact(entries, other.entries));
    System.arraycopy(other.latents, 0, latents, entries, other.entries);
    System.arraycopy(other.values, 0, values, entries, other.entries);
    for (int t = 1; t <= other.tokens; t++) {
      offsets[++tokens] = entries + other.offsets[t];
    }
    entries += other.entries;
    nonFiniteTokens += other.nonFiniteTokens;
  }

  /** All that was added. */
  public SparseLatents build() {
    return new SparseLatents(
        nonFiniteTokens, offsets, Arrays.copyOf(latents, entries), Arrays.copyOf(values, entries));
  }

  private void reserve(int capacity) {
    if (capacity > latents.length) {
      int larger = Math.max(capacity, Math.multiplyExact(latents.length, 2));
      latents = Arrays.copyOf(latents, larger);
      values = Arrays.copyOf(values, larger);
    }
  }
}
