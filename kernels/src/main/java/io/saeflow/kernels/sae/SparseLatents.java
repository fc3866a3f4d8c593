// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

/**
 * The non-zero latents of a run of tokens, in compressed sparse rows: token t has entries {@code
 * [offsets[t], offsets[t + 1])}, by ascending latent. Arrays are shared, not copied.
 */
public final class SparseLatents {
  private final int nonFiniteTokens;
  private final int[] offsets;
  private final int[] latents;
  private final float[] values;

  /**
   * @param nonFiniteTokens tokens without entries because an activation, or a latent made of it,
   *     was NaN or infinite
   * @param offsets [nTokens + 1]
   * @param latents [nEntries]
   * @param values [nEntries], finite and not zero
   */
  public SparseLatents(int nonFiniteTokens, int[] offsets, int[] latents, float[] values) {
    this.nonFiniteTokens = nonFiniteTokens;
    this.offsets = offsets;
    this.latents = latents;
    this.values = values;
  }

  /** How many tokens have no entries because something of theirs was NaN or infinite. */
  public int nonFiniteTokens() {
    return nonFiniteTokens;
  }

  /** nTokens. */
  public int tokens() {
    return offsets.length - 1;
  }

  /** [nTokens + 1], from 0, ascending; shared. */
  public int[] offsets() {
    return offsets;
  }

  /** [nEntries], ascending within a token; shared. */
  public int[] latents() {
    return latents;
  }

  /** [nEntries], finite and not zero; shared. */
  public float[] values() {
    return values;
  }

  /** Equal to the bit. */
  @Override
  public boolean equals(Object other) {
    return other instanceof SparseLatents that
        && nonFiniteTokens == that.nonFiniteTokens
        && Arrays.equals(offsets, that.offsets)
        && Arrays.equals(latents, that.latents)
        && Arrays.equals(values, that.values);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(latents);
  }
}
