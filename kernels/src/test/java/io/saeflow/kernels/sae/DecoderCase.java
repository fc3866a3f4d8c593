// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static io.saeflow.kernels.sae.EncoderCase.gaussian;

import java.util.Arrays;
import java.util.Random;

/**
 * A decoder, activations and latents drawn from a seed, for tests that hold decoders against one
 * another. Latents are not those of the activations; every fifth token or so has none.
 *
 * @param width D
 * @param latents n
 * @param k the most latents of a token, if there are as many
 */
public record DecoderCase(
    Numbers numbers,
    InputNormalization normalization,
    int width,
    int latents,
    int tokens,
    int k,
    long seed) {
  /** What the numbers look like. */
  public enum Numbers {
    GAUSSIAN,
    /** Errors of every other token leave float32's range. */
    HUGE,
    /** Products and squares are subnormal. */
    TINY,
    /** One activation in a hundred is NaN or infinite. */
    NON_FINITE,
    /** Every other token is all zero. */
    ZERO_ROWS,
    /** Some rows of the decoder are NaN or infinite. */
    DEAD_LATENTS
  }

  /** What a case comes to. */
  public record Drawn(DecoderWeights weights, float[] activations, SparseLatents latents) {}

  /** The same every time. */
  public Drawn draw() {
    Random random = new Random(seed);
    return new Drawn(weights(random), activations(random), sparseLatents(random));
  }

  private DecoderWeights weights(Random random) {
    // With the normalisation undone, what comes out is as large as the activations anyway.
    float huge = normalization == InputNormalization.NONE ? 0x1p58f : 1;
    float scale = scale(huge);
    float[] rows = gaussian(random, latents * width, scale);
    if (numbers == Numbers.DEAD_LATENTS) {
      for (int i = 0; i < latents; i += 1 + random.nextInt(6)) {
        float dead = random.nextBoolean() ? Float.NaN : Float.NEGATIVE_INFINITY;
        Arrays.fill(rows, i * width, (i + 1) * width, dead);
      }
    }
    return new DecoderWeights(normalization, rows, gaussian(random, width, scale));
  }

  private float[] activations(Random random) {
    float[] x = gaussian(random, tokens * width, scale(0x1p58f));
    for (int i = 0; i < x.length; i++) {
      boolean even = i / width % 2 == 0;
      if (numbers == Numbers.ZERO_ROWS && even) {
        x[i] = 0;
      }
      if (numbers == Numbers.HUGE && even) {
        x[i] *= 0x1p6f;
      }
      if (numbers == Numbers.NON_FINITE && random.nextInt(100) == 0) {
        x[i] = random.nextBoolean() ? Float.NaN : Float.POSITIVE_INFINITY;
      }
    }
    return x;
  }

  private SparseLatents sparseLatents(Random random) {
    int[] offsets = new int[tokens + 1];
    int[] active = new int[tokens * latents];
    int count = 0;
    for (int t = 0; t < tokens; t++) {
      int wanted = random.nextInt(5) == 0 ? 0 : 1 + random.nextInt(Math.min(k, latents));
      for (int i = 0; i < latents && wanted > 0; i++) {
        if (random.nextInt(latents - i) < wanted) {
          active[count++] = i;
          wanted--;
        }
      }
      offsets[t + 1] = count;
    }
    float[] values = gaussian(random, count, numbers == Numbers.TINY ? 0x1p-70f : 1);
    return new SparseLatents(0, offsets, Arrays.copyOf(active, count), values);
  }

  private float scale(float huge) {
    return switch (numbers) {
      case HUGE -> huge;
      case TINY -> 0x1p-70f;
      case GAUSSIAN, NON_FINITE, ZERO_ROWS, DEAD_LATENTS -> 1;
    };
  }
}
