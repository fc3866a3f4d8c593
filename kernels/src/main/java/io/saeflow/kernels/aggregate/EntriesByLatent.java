// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import io.saeflow.kernels.sae.SparseLatents;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.Objects;

/**
 * The entries of a batch regrouped from tokens to latents, each latent's by token. Latents are
 * numbered from the first of their range. Its arrays serve one batch after the other.
 */
public final class EntriesByLatent {
  private final int latents;

  /** Latent f's entries are {@code [starts[f], starts[f + 1])}. */
  private final int[] starts;

  private int[] tokens = {};
  private float[] values = {};

  /**
   * No entries yet.
   *
   * @param latents how many the range has
   */
  public EntriesByLatent(int latents) {
    this.latents = latents;
    this.starts = new int[latents + 2];
  }

  /**
   * Takes entries that are regrouped, in place of those of the last batch.
   *
   * @param count how many
   * @param batchStarts [latents + 1], see {@link #start}
   * @param batchTokens [count]
   * @param batchValues [count]
   */
  public void take(
      int count, IntBuffer batchStarts, IntBuffer batchTokens, FloatBuffer batchValues) {
    reserve(count);
    batchStarts.get(starts, 0, latents + 1);
    batchTokens.get(tokens, 0, count);
    batchValues.get(values, 0, count);
  }

  /** Takes a batch without entries in place of the last. */
  public void clear() {
    Arrays.fill(starts, 0);
  }

  /** Of a latent's first entry; that of the next latent is one past the last. */
  public int start(int latent) {
    return starts[latent];
  }

  /** The index of the entry's token in the batch. */
  public int token(int entry) {
    return tokens[entry];
  }

  /** The entry's value. */
  public float value(int entry) {
    return values[entry];
  }

  /** Visits every latent with entries in a sequence, by latent and then by sequence. */
  public void forEachSequence(int contextLength, SequenceVisitor visitor) {
    for (int f = 0; f < latents; f++) {
      int from = starts[f];
      int end = starts[f + 1];
      while (from < end) {
        int nextSequence = (tokens[from] / contextLength + 1) * contextLength;
        int to = from + 1;
        while (to < end && tokens[to] < nextSequence) {
          to++;
        }
        visitor.visit(f, from, to);
        from = to;
      }
    }
  }

  /**
   * Takes a batch's entries in place of those of the last.
   *
   * @param firstLatent of the range
   */
  void regroup(SparseLatents batch, int firstLatent) {
    int[] latentOf = batch.latents();
    float[] valueOf = batch.values();
    reserve(latentOf.length);
    // A counting sort: counts two places up become starts one place up, and these move on to the
    // next latent's as entries are put in place.
    Arrays.fill(starts, 0);
    for (int latent : latentOf) {
      starts[Objects.checkIndex(latent - firstLatent, latents) + 2]++;
    }
    for (int f = 2; f < starts.length; f++) {
      starts[f] += starts[f - 1];
    }
    int[] offsets = batch.offsets();
    for (int token = 0; token < offsets.length - 1; token++) {
      for (int e = offsets[token]; e < offsets[token + 1]; e++) {
        int i = starts[latentOf[e] - firstLatent + 1]++;
        tokens[i] = token;
        values[i] = valueOf[e];
      }
    }
  }

  private void reserve(int count) {
    if (tokens.length < count) {
      tokens = new int[count];
      values = new float[count];
    }
  }
}
