// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

/**
 * The candidates of several tokens, latent by latent: who looks at them in this order reads each
 * latent's weights once, and the weights from the first to the last, as memory is read fastest.
 */
final class CandidatesByLatent {
  /** Where each latent's candidates end; the first begin at 0. */
  private final int[] ends;

  private int[] tokens = {};
  private int[] places = {};

  CandidatesByLatent(int latents) {
    this.ends = new int[latents];
  }

  /** Takes those of the first {@code count} tokens in place of what is here. */
  void sort(Candidates[] candidates, int count) {
    Arrays.fill(ends, 0);
    int all = 0;
    for (int t = 0; t < count; t++) {
      int[] latents = candidates[t].latents();
      for (int c = 0; c < candidates[t].count(); c++) {
        ends[latents[c]]++;
      }
      all += candidates[t].count();
    }
    int begin = 0;
    for (int i = 0; i < ends.length; i++) {
      int own = ends[i];
      ends[i] = begin;
      begin += own;
    }
    if (tokens.length < all) {
      tokens = new int[all];
      places = new int[all];
    }
    for (int t = 0; t < count; t++) {
      int[] latents = candidates[t].latents();
      for (int c = 0; c < candidates[t].count(); c++) {
        int to = ends[latents[c]]++;
        tokens[to] = t;
        places[to] = c;
      }
    }
  }

  /** Where the candidates of a latent begin. */
  int begin(int latent) {
    return latent == 0 ? 0 : ends[latent - 1];
  }

  /** Where they end. */
  int end(int latent) {
    return ends[latent];
  }

  /** The token of which this is a candidate. */
  int token(int index) {
    return tokens[index];
  }

  /** Its place among the token's candidates. */
  int place(int index) {
    return places[index];
  }
}
