// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The definitions again, slowly, in decimal arithmetic that is exact and rounded once. */
public final class ExactArithmetic {
  private ExactArithmetic() {}

  /** As a warp does it: every lane adds the lane whose number differs in one bit. */
  public static float dot32(float[] x, int xFrom, float[] w, int wFrom, int length) {
    float[] lanes = new float[32];
    for (int l = 0; l < 32; l++) {
      for (int j = l; j < length; j += 32) {
        lanes[l] = fma(x[xFrom + j], w[wFrom + j], lanes[l]);
      }
    }
    for (int bit : new int[] {16, 8, 4, 2, 1}) {
      float[] next = new float[32];
      for (int l = 0; l < 32; l++) {
        next[l] = lanes[l] + lanes[l ^ bit];
      }
      lanes = next;
    }
    return lanes[0];
  }

  private static float fma(float x, float w, float s) {
    BigDecimal exact = new BigDecimal(x).multiply(new BigDecimal(w)).add(new BigDecimal(s));
    return exact.floatValue();
  }

  /** Finite rows and no normalisation or input bias only. */
  static SparseLatents encode(SaeWeights weights, float[] activations) {
    int tokens = activations.length / weights.width();
    int[] offsets = new int[tokens + 1];
    List<Entry> entries = new ArrayList<>();
    for (int t = 0; t < tokens; t++) {
      List<Entry> row = new ArrayList<>();
      for (int i = 0; i < weights.latents(); i++) {
        float dot =
            dot32(
                activations,
                t * weights.width(),
                weights.encoderWeights(),
                i * weights.width(),
                weights.width());
        row.add(new Entry(i, dot + weights.latentBias()[i]));
      }
      ActivationFunction function = weights.activationFunction();
      if (function instanceof ActivationFunction.TopK topK) {
        row.sort(Comparator.comparing(Entry::value).reversed().thenComparing(Entry::latent));
        row = new ArrayList<>(row.subList(0, topK.k()));
        row.sort(Comparator.comparing(Entry::latent));
      }
      if (function instanceof ActivationFunction.JumpRelu jumpRelu) {
        row.removeIf(entry -> entry.value() <= jumpRelu.thresholds()[entry.latent()]);
      }
      boolean negatives = function instanceof ActivationFunction.Identity;
      row.removeIf(entry -> negatives ? entry.value() == 0 : entry.value() <= 0);
      entries.addAll(row);
      offsets[t + 1] = entries.size();
    }
    int[] latents = entries.stream().mapToInt(Entry::latent).toArray();
    float[] values = new float[latents.length];
    for (int e = 0; e < values.length; e++) {
      values[e] = entries.get(e).value();
    }
    return new SparseLatents(0, offsets, latents, values);
  }

  /** The sum with +0 keeps -0 from sorting below +0. */
  private record Entry(int latent, float value) {
    Entry {
      value = value + 0f;
    }
  }
}
