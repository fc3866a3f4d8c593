// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

/**
 * A fixed pseudo-random order of all firings of an autoencoder: each has a 64-bit rank that depends
 * on nothing but where it is and the seed. The n firings of lowest rank are a uniform sample
 * without replacement, the same under any partitioning (bottom-k sampling: Cohen and Kaplan,
 * "Summarizing data using bottom-k sketches", PODC 2007).
 */
final class RandomOrder {
  private final long key;

  RandomOrder(long seed, String sae) {
    long mixed = mix(seed);
    for (int i = 0; i < sae.length(); i++) {
      mixed = mix(mixed ^ sae.charAt(i));
    }
    this.key = mixed;
  }

  /** The rank, to be compared unsigned. */
  long rank(int latent, long sequence, int position) {
    return rank(ofSequence(latent, sequence), position);
  }

  /** What the ranks of a sequence's firings of a latent have in common. */
  long ofSequence(int latent, long sequence) {
    return mix(mix(key ^ latent) ^ sequence);
  }

  /**
   * The rank, to be compared unsigned.
   *
   * @param ofSequence see {@link #ofSequence}
   */
  static long rank(long ofSequence, int position) {
    return mix(ofSequence ^ position);
  }

  /** The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), over a step of its sequence. */
  private static long mix(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
