// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

/**
 * The latents of one token that may be active, as blocks of scores come in. For TopK it also keeps
 * the k largest lower bounds so far, of k different latents: what is below the smallest of them is
 * not among the k largest, so the threshold rises while blocks come in.
 */
final class Candidates {
  private final float[] largest;
  private final int limit;
  private int largestCount;

  private int[] latents = new int[64];
  private float[] values = new float[64];
  private float[] lowers = new float[64];
  private int count;
  private boolean tooMany;

  /**
   * @param k of TopK, 0 for the others
   * @param limit past it the token is not worth bounding
   */
  Candidates(int k, int limit) {
    this.largest = new float[k];
    this.limit = limit;
  }

  void clear() {
    largestCount = 0;
    count = 0;
    tooMany = false;
  }

  /** No latent below it is one of the k largest. */
  float threshold() {
    return largestCount < largest.length || largest.length == 0
        ? Float.NEGATIVE_INFINITY
        : largest[0];
  }

  /** Takes note of a lower bound of a latent that was not offered before. */
  void offer(float lower) {
    if (largestCount < largest.length) {
      addToHeap(lower);
    } else if (lower > largest[0]) {
      replaceSmallest(lower);
    }
  }

  /**
   * @param lower no more than the pre-activation
   * @param upper no less
   */
  void add(int latent, float lower, float upper) {
    if (count == limit) {
      dropBelowThreshold();
      if (count == limit) {
        tooMany = true;
        count = 0;
      }
    }
    if (count == latents.length) {
      latents = Arrays.copyOf(latents, 2 * count);
      values = Arrays.copyOf(values, 2 * count);
      lowers = Arrays.copyOf(lowers, 2 * count);
    }
    latents[count] = latent;
    lowers[count] = lower;
    values[count++] = upper;
  }

  /**
   * Ends the nomination: drops what has turned out not to be among the k largest, by the bounds of
   * the candidates themselves, and sorts the rest.
   *
   * @return false if there were more than the limit; what is kept then means nothing
   */
  boolean seal() {
    dropBelowThreshold();
    if (largest.length > 0 && count > largest.length) {
      largestCount = 0;
      for (int c = 0; c < count; c++) {
        offer(lowers[c]);
      }
      dropBelowThreshold();
    }
    Arrays.sort(latents, 0, count);
    return !tooMany;
  }

  /** How many there are. */
  int count() {
    return count;
  }

  /** Shared. */
  int[] latents() {
    return latents;
  }

  /** Upper bounds until {@link #seal}; after it, for whoever computes the pre-activations. */
  float[] values() {
    return values;
  }

  private void dropBelowThreshold() {
    float threshold = threshold();
    int kept = 0;
    for (int c = 0; c < count; c++) {
      if (values[c] >= threshold) {
        latents[kept] = latents[c];
        lowers[kept] = lowers[c];
        values[kept++] = values[c];
      }
    }
    count = kept;
  }

  /** {@link #largest} is a heap, the smallest first. */
  private void addToHeap(float lower) {
    int hole = largestCount++;
    while (hole > 0 && lower < largest[(hole - 1) / 2]) {
      largest[hole] = largest[(hole - 1) / 2];
      hole = (hole - 1) / 2;
    }
    largest[hole] = lower;
  }

  private void replaceSmallest(float lower) {
    int hole = 0;
    int child = 1;
    while (child < largest.length) {
      if (child + 1 < largest.length && largest[child + 1] < largest[child]) {
        child++;
      }
      if (lower <= largest[child]) {
        break;
      }
      largest[hole] = largest[child];
      hole = child;
      child = 2 * hole + 1;
    }
    largest[hole] = lower;
  }
}
