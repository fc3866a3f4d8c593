// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.SaeWeights;

/**
 * How many latents a device looks at before it sets a token's threshold, and how many candidates it
 * has room for. It decides how long encoding takes, never what comes out.
 *
 * @param k of TopK, else 0
 * @param paddedLatents a multiple of {@value #TILE}, as latents are scored in tiles
 * @param sample of TopK, the first latents, whose groups of {@value #GROUP} give the threshold; a
 *     multiple of {@value #TILE}, or 0 if there is no threshold to be had
 * @param capacity candidates of a token; those with more are encoded exactly
 */
record CandidatePlan(int k, int paddedLatents, int sample, int capacity) {
  static final int TILE = 128;
  static final int GROUP = 16;

  /** Three words each, and a few more, stay within the 48 KiB of shared memory of every launch. */
  private static final int MAX_CAPACITY = 4000;

  /** A group's maximum takes one word of the same. */
  private static final int MAX_SAMPLE = 12_000 * GROUP;

  /** With four times k groups, few of the k largest latents share one. */
  private static final int GROUPS_PER_K = 4;

  /** A sample of this part costs little beside the pass over all latents. */
  private static final int SAMPLED_PART = 32;

  static CandidatePlan of(SaeWeights weights) {
    int k = weights.activationFunction() instanceof ActivationFunction.TopK topK ? topK.k() : 0;
    return of(weights.latents(), k);
  }

  static CandidatePlan of(int latents, int k) {
    int padded = roundUp(latents, TILE);
    int capacity = Math.min(padded, MAX_CAPACITY);
    int most = Math.min(padded, MAX_SAMPLE);
    long wanted = Math.max((long) GROUPS_PER_K * GROUP * k, padded / SAMPLED_PART);
    int sample = roundUp((int) Math.min(most, wanted), TILE);
    while (sample < most && expectedCandidates(latents, k, sample) > capacity / 2.0) {
      sample = Math.min(most, 2 * sample);
    }
    return new CandidatePlan(k, padded, k > 0 && sample / GROUP >= k ? sample : 0, capacity);
  }

  /** How many groups the sample has. */
  int groups() {
    return sample / GROUP;
  }

  static int roundUp(int value, int multiple) {
    return Math.multiplyExact(Math.addExact(value, multiple - 1) / multiple, multiple);
  }

  /**
   * If latents are alike: a group's maximum is below the quantile that the k-th of G maxima marks
   * with probability 1 - k/G, so a latent is with the 16th root of that.
   */
  private static double expectedCandidates(int latents, int k, int sample) {
    double groups = (double) sample / GROUP;
    return k >= groups ? latents : latents * (1 - Math.pow(1 - k / groups, 1.0 / GROUP));
  }
}
