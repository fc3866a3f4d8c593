// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Latents as TopK(32) of an autoencoder of 32,768 latents gives them, cut to one feature range of
 * five: the r-th most frequent latent fires on about 4 / (r + 10) of the tokens, with values that
 * are absolute values of Gaussians, independent of each other. Those of a real model come in
 * stretches of neighbouring tokens, which costs less.
 */
final class SyntheticLatents {
  static final FeatureRange RANGE = new FeatureRange(2, 5, 32_768);

  private static final int SEQUENCES = 8;
  private static final int CONTEXT = 256;
  private static final int K = 32;
  private static final int VOCABULARY = 50_257;
  private static final double HEAD = 10;

  private final Random random = new Random(1);

  /** By frequency; most frequent first. */
  private final int[] latentOfRank = new int[RANGE.latents()];

  private long batches;

  SyntheticLatents() {
    Arrays.setAll(latentOfRank, r -> r);
    for (int r = latentOfRank.length - 1; r > 0; r--) {
      int other = random.nextInt(r + 1);
      int latent = latentOfRank[r];
      latentOfRank[r] = latentOfRank[other];
      latentOfRank[other] = latent;
    }
  }

  /** The next batch: 8 sequences of 256 tokens, a new document every hundred tokens or so. */
  LatentBatch next() {
    int tokens = SEQUENCES * CONTEXT;
    int[] offsets = new int[tokens + 1];
    int[] latents = new int[tokens * K];
    float[] values = new float[tokens * K];
    int size = 0;
    for (int t = 0; t < tokens; t++) {
      int from = size;
      for (int latent : latentsOfToken()) {
        if (RANGE.contains(latent)) {
          latents[size++] = latent;
        }
      }
      for (int e = from; e < size; e++) {
        values[e] = (float) Math.abs(random.nextGaussian()) + Float.MIN_NORMAL;
      }
      offsets[t + 1] = size;
    }
    return new LatentBatch(
        tokenBatch(),
        "sae",
        RANGE,
        EncodingSummary.withoutDecoder(0, Arrays.copyOf(latents, size).length),
        offsets,
        Arrays.copyOf(latents, size),
        Arrays.copyOf(values, size));
  }

  private TokenBatch tokenBatch() {
    int[] tokens = random.ints(SEQUENCES * CONTEXT, 0, VOCABULARY).toArray();
    List<List<DocumentSpan>> documents = new ArrayList<>();
    for (int row = 0; row < SEQUENCES; row++) {
      List<DocumentSpan> spans = new ArrayList<>();
      for (int start = 0; start < CONTEXT; start += 1 + random.nextInt(200)) {
        String labels =
            "{\"year\":%d,\"party\":\"%c\"}"
                .formatted(1789 + random.nextInt(230), 'a' + random.nextInt(6));
        spans.add(new DocumentSpan(start, random.nextInt(1 << 20), 0, labels));
      }
      documents.add(spans);
    }
    long number = batches++;
    return new TokenBatch("run", number, number * SEQUENCES, CONTEXT, tokens, documents);
  }

  /** Different ones, ascending. */
  private int[] latentsOfToken() {
    int[] chosen = new int[K];
    int count = 0;
    while (count < K) {
      double last = (RANGE.latents() + HEAD) / HEAD;
      int rank = (int) (HEAD * Math.pow(last, random.nextDouble()) - HEAD);
      int latent = latentOfRank[Math.min(rank, latentOfRank.length - 1)];
      int at = Arrays.binarySearch(chosen, 0, count, latent);
      if (at < 0) {
        System.arraycopy(chosen, -at - 1, chosen, -at, count + at + 1);
        chosen[-at - 1] = latent;
        count++;
      }
    }
    return chosen;
  }
}
