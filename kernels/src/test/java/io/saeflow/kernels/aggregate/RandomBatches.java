// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import io.saeflow.kernels.sae.SparseLatents;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Batches with what is hard to count: one latent on nearly every token, signed values, zeros,
 * values on the edges of bins and beyond all near ones, sums out of range and rounded away.
 */
public final class RandomBatches {
  /** Where nobody looks. */
  public static final SequenceVisitor NO_VISITOR = (latent, from, to) -> {};

  private static final float[] EXTREMES = {
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.MIN_VALUE,
    -0f,
    25.6f,
    25.7f,
    1e30f,
    1e-25f,
    // Half of the unit of sums, and just below.
    0x1p-97f,
    -0x1p-97f,
    0x1.fffffep-98f
  };
  private static final float[] NOT_FINITE = {
    Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
  };

  private final Random random;
  private final int firstLatent;
  private final int latents;
  private final int contextLength;

  public RandomBatches(Random random, int firstLatent, int latents, int contextLength) {
    this.random = random;
    this.firstLatent = firstLatent;
    this.latents = latents;
    this.contextLength = contextLength;
  }

  /** So many sequences, up to eight entries a token. */
  public SparseLatents next(int sequences) {
    int[] offsets = new int[sequences * contextLength + 1];
    List<Integer> found = new ArrayList<>();
    List<Float> values = new ArrayList<>();
    for (int t = 0; t < sequences * contextLength; t++) {
      int latent = random.nextInt(10) == 0 ? 1 : 0;
      for (int i = 0; i < 8 && latent < latents; i++) {
        found.add(firstLatent + latent);
        values.add(value());
        latent += 1 + (int) (latents * Math.pow(random.nextDouble(), 4));
      }
      offsets[t + 1] = found.size();
    }
    float[] valueArray = new float[values.size()];
    for (int i = 0; i < valueArray.length; i++) {
      valueArray[i] = values.get(i);
    }
    return new SparseLatents(
        0, offsets, found.stream().mapToInt(Integer::intValue).toArray(), valueArray);
  }

  private float value() {
    return switch (random.nextInt(20)) {
      case 0 -> 0f;
      case 1 -> 0.2f * random.nextInt(300);
      case 2 -> (float) Math.scalb(random.nextGaussian(), random.nextInt(60) - 35);
      case 3 -> (float) random.nextGaussian() * 1000;
      case 4 ->
          switch (random.nextInt(100)) {
            case 0 -> NOT_FINITE[random.nextInt(NOT_FINITE.length)];
            default -> random.nextInt(5) > 0 ? 1f : EXTREMES[random.nextInt(EXTREMES.length)];
          };
      default -> (float) random.nextGaussian() * 3 + 1;
    };
  }
}
