// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

/**
 * The canonical pre-activations of chosen latents of one token: {@link Dot32} for several latents
 * at once. One object a thread.
 *
 * <p>The compiler makes vector instructions only of a loop whose arrays all share one index, so
 * pieces of 32 values, one for each chain, are laid side by side: piece p of every latent in one
 * array, and piece p of the row, repeated, in another. Copying also fetches a latent's weights in
 * one sweep, which costs less than to meet them piece by piece.
 */
final class PreActivations {
  /** How many latents lie side by side: their sums stay in the nearest cache. */
  private static final int BATCH = 16;

  private final SaeWeights weights;
  private final float[][] rowPieces;
  private final float[][] weightPieces;
  private final float[] sums = new float[BATCH * Dot32.CHAINS];
  private float[] row = new float[0];
  private int rowFrom;

  PreActivations(SaeWeights weights) {
    this.weights = weights;
    int pieces = weights.width() / Dot32.CHAINS;
    this.rowPieces = new float[pieces][sums.length];
    this.weightPieces = new float[pieces][sums.length];
  }

  /** Takes the prepared row at {@code rows[from]}, which must stay as it is. */
  void setRow(float[] rows, int from) {
    this.row = rows;
    this.rowFrom = from;
    for (int p = 0; p < rowPieces.length; p++) {
      for (int at = 0; at < sums.length; at += Dot32.CHAINS) {
        System.arraycopy(rows, from + p * Dot32.CHAINS, rowPieces[p], at, Dot32.CHAINS);
      }
    }
  }

  /** Writes the row's pre-activations of the first {@code count} latents to {@code pre}. */
  void of(int[] latents, int count, float[] pre) {
    for (int first = 0; first < count; first += BATCH) {
      int batch = Math.min(BATCH, count - first);
      addProducts(latents, first, batch);
      for (int c = 0; c < batch; c++) {
        float dot = sumOfChains(c * Dot32.CHAINS);
        pre[first + c] = dot + weights.latentBias()[latents[first + c]] + 0f;
      }
    }
  }

  private void addProducts(int[] latents, int first, int batch) {
    float[] w = weights.encoderWeights();
    int width = weights.width();
    for (int c = 0; c < batch; c++) {
      int from = latents[first + c] * width;
      for (int p = 0; p < weightPieces.length; p++) {
        System.arraycopy(
            w, from + p * Dot32.CHAINS, weightPieces[p], c * Dot32.CHAINS, Dot32.CHAINS);
      }
    }
    Arrays.fill(sums, 0f);
    for (int p = 0; p < weightPieces.length; p++) {
      multiplyAdd(rowPieces[p], weightPieces[p], sums, batch * Dot32.CHAINS);
    }
    int whole = weightPieces.length * Dot32.CHAINS;
    for (int c = 0; c < batch; c++) {
      int from = latents[first + c] * width;
      for (int j = whole; j < width; j++) {
        int chain = c * Dot32.CHAINS + j - whole;
        sums[chain] = Math.fma(row[rowFrom + j], w[from + j], sums[chain]);
      }
    }
  }

  private static void multiplyAdd(float[] x, float[] w, float[] s, int length) {
    for (int i = 0; i < length; i++) {
      s[i] = Math.fma(x[i], w[i], s[i]);
    }
  }

  private float sumOfChains(int at) {
    float[] s = sums;
    for (int o = Dot32.CHAINS / 2; o >= 1; o /= 2) {
      for (int l = at; l < at + o; l++) {
        s[l] += s[l + o];
      }
    }
    return s[at];
  }
}
