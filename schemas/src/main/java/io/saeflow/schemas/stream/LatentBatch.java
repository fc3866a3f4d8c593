// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import java.util.Arrays;

/**
 * The non-zero latents of one feature range for the tokens of one batch, in compressed sparse rows:
 * token t (row-major over [S, L]) has entries {@code [offsets[t], offsets[t + 1])}, by ascending
 * latent.
 */
public final class LatentBatch implements LatentMessage {
  private final TokenBatch batch;
  private final String sae;
  private final FeatureRange range;
  private final EncodingSummary summary;
  private final int[] offsets;
  private final int[] latents;
  private final float[] values;

  /**
   * @param sae the autoencoder's id
   * @param summary of the whole batch; its non-finite tokens have no entries
   * @param offsets S·L + 1 ascending offsets, the first 0, the last the number of entries
   * @param latents latent indices over the whole autoencoder, inside {@code range}, strictly
   *     ascending within a token
   * @param values the latents' finite, non-zero values
   * @throws IllegalArgumentException if these do not fit together
   */
  public LatentBatch(
      TokenBatch batch,
      String sae,
      FeatureRange range,
      EncodingSummary summary,
      int[] offsets,
      int[] latents,
      float[] values) {
    int tokens = batch.tokens().length;
    if (offsets.length != tokens + 1
        || offsets[0] != 0
        || offsets[tokens] != latents.length
        || latents.length != values.length) {
      throw new IllegalArgumentException(
          "latents of batch %d: %d offsets, %d latents, %d values (expected: %d offsets from 0)"
              .formatted(
                  batch.number(), offsets.length, latents.length, values.length, tokens + 1));
    }
    requireAtMost("non-finite tokens", batch, summary.nonFiniteTokens());
    requireAtMost("reconstructed tokens", batch, summary.reconstructedTokens());
    if (summary.nonZeros() < latents.length) {
      throw new IllegalArgumentException(
          "non-zeros of batch %d: %d (expected: at least the %d of %s)"
              .formatted(batch.number(), summary.nonZeros(), latents.length, range));
    }
    for (int t = 0; t < tokens; t++) {
      if (offsets[t] > offsets[t + 1]) {
        throw new IllegalArgumentException(
            "offset of token %d in batch %d: %d (expected: at most the next, %d)"
                .formatted(t, batch.number(), offsets[t], offsets[t + 1]));
      }
      int previous = range.from() - 1;
      for (int e = offsets[t]; e < offsets[t + 1]; e++) {
        if (latents[e] <= previous || latents[e] >= range.to()) {
          throw new IllegalArgumentException(
              "latent of token %d in batch %d: %d (expected: ascending, in [%d, %d))"
                  .formatted(t, batch.number(), latents[e], range.from(), range.to()));
        }
        if (!Float.isFinite(values[e]) || values[e] == 0) {
          throw new IllegalArgumentException(
              "value of latent %d in batch %d: %s (expected: finite and not zero)"
                  .formatted(latents[e], batch.number(), values[e]));
        }
        previous = latents[e];
      }
    }
    this.batch = batch;
    this.sae = sae;
    this.range = range;
    this.summary = summary;
    this.offsets = offsets;
    this.latents = latents;
    this.values = values;
  }

  @Override
  public String run() {
    return batch.run();
  }

  @Override
  public long number() {
    return batch.number();
  }

  /** The tokens these belong to. */
  public TokenBatch batch() {
    return batch;
  }

  /** The autoencoder's id. */
  public String sae() {
    return sae;
  }

  /** The latents that this message may hold. */
  public FeatureRange range() {
    return range;
  }

  /** What was found of the whole batch. */
  public EncodingSummary summary() {
    return summary;
  }

  /** How many entries there are. */
  public int size() {
    return latents.length;
  }

  /** [S·L + 1]; shared. */
  public int[] offsets() {
    return offsets;
  }

  /** [size]; shared. */
  public int[] latents() {
    return latents;
  }

  /** [size]; shared. */
  public float[] values() {
    return values;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LatentBatch that
        && batch.equals(that.batch)
        && sae.equals(that.sae)
        && range.equals(that.range)
        && summary.equals(that.summary)
        && Arrays.equals(offsets, that.offsets)
        && Arrays.equals(latents, that.latents)
        && Arrays.equals(values, that.values);
  }

  @Override
  public int hashCode() {
    return (batch.hashCode() * 31 + sae.hashCode()) * 31 + range.hashCode();
  }

  private static void requireAtMost(String what, TokenBatch batch, int count) {
    if (count > batch.tokens().length) {
      throw new IllegalArgumentException(
          "%s of batch %d: %d (expected: 0 to %d)"
              .formatted(what, batch.number(), count, batch.tokens().length));
    }
  }

  @Override
  public String toString() {
    return "LatentBatch[%s, %s, %s, %d entries]".formatted(batch, sae, range, size());
  }
}
