// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/**
 * The share of an autoencoder's latents that one partition carries: range {@code index} of {@code
 * count} holds latents {@code [index·n/count, (index+1)·n/count)}.
 *
 * @param index which range, from 0
 * @param count how many ranges there are, at most one a latent
 * @param latents n, how many latents the autoencoder has
 */
public record FeatureRange(int index, int count, int latents) {
  public FeatureRange {
    if (count < 1 || count > latents || index < 0 || index >= count) {
      throw new IllegalArgumentException(
          "feature range %d of %d over %d latents (expected: index below count, count <= latents)"
              .formatted(index, count, latents));
    }
  }

  /** The range that holds {@code latent}. */
  public static FeatureRange of(int latent, int count, int latents) {
    return new FeatureRange((int) (((latent + 1L) * count - 1) / latents), count, latents);
  }

  /** The first latent. */
  public int from() {
    return bound(index);
  }

  /** The latent after the last. */
  public int to() {
    return bound(index + 1);
  }

  /** How many latents it holds, at least 1. */
  public int size() {
    return to() - from();
  }

  /** Whether it holds {@code latent}. */
  public boolean contains(int latent) {
    return latent >= from() && latent < to();
  }

  private int bound(int i) {
    return (int) ((long) i * latents / count);
  }
}
