// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import java.util.Arrays;

/**
 * The entries of a batch regrouped from tokens to features, each feature's by token. Its arrays
 * serve one batch after the other.
 */
final class EntriesByFeature {
  private final int firstLatent;
  private final int features;

  /** Feature f's entries are {@code [starts[f], starts[f + 1])}. */
  private final int[] starts;

  private int[] tokens = {};
  private float[] values = {};

  EntriesByFeature(FeatureRange range) {
    this.firstLatent = range.from();
    this.features = range.size();
    this.starts = new int[features + 2];
  }

  /** Takes a batch's entries in place of those of the last. */
  void read(LatentBatch batch) {
    if (tokens.length < batch.size()) {
      tokens = new int[batch.size()];
      values = new float[batch.size()];
    }
    int[] latents = batch.latents();
    // A counting sort: counts two places up become starts one place up, and these move on to the
    // next feature's as entries are put in place.
    Arrays.fill(starts, 0);
    for (int latent : latents) {
      starts[latent - firstLatent + 2]++;
    }
    for (int f = 2; f < features + 2; f++) {
      starts[f] += starts[f - 1];
    }
    int[] offsets = batch.offsets();
    for (int token = 0; token < offsets.length - 1; token++) {
      for (int e = offsets[token]; e < offsets[token + 1]; e++) {
        int i = starts[latents[e] - firstLatent + 1]++;
        tokens[i] = token;
        values[i] = batch.values()[e];
      }
    }
  }

  /** Of a feature's first entry; that of the next feature is one past the last. */
  int start(int feature) {
    return starts[feature];
  }

  /** The index of the entry's token in the batch. */
  int token(int entry) {
    return tokens[entry];
  }

  float value(int entry) {
    return values[entry];
  }
}
