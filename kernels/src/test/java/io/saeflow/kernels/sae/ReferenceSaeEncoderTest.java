// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Random;
import org.junit.jupiter.api.Test;

class ReferenceSaeEncoderTest {
  /** Two dimensions; pre-activations of (a, b) are a, b, a + b, -a, 2b - 1. */
  private static final float[] WEIGHTS = {1, 0, 0, 1, 1, 1, -1, 0, 0, 2};

  private static final float[] BIAS = {0, 0, 0, 0, -1};

  @Test
  void reluKeepsThePositive() {
    assertThat(encode(new ActivationFunction.Relu(), 3, -1, -2, 1))
        .isEqualTo(latents(new int[] {0, 2, 5}, new int[] {0, 2, 1, 3, 4}, 3, 2, 1, 2, 1));
  }

  @Test
  void identityKeepsAllThatIsNotZero() {
    assertThat(encode(new ActivationFunction.Identity(), 1, -1))
        .isEqualTo(latents(new int[] {0, 4}, new int[] {0, 1, 3, 4}, 1, -1, -1, -3));
  }

  @Test
  void topKDropsNegativeOnesAfterItSelected() {
    // 3, -1, 2, -3, -3: the fourth largest of five is negative.
    assertThat(encode(new ActivationFunction.TopK(4), 3, -1))
        .isEqualTo(latents(new int[] {0, 2}, new int[] {0, 2}, 3, 2));
  }

  @Test
  void topKTiesGoToTheLowerLatent() {
    // 1, 1, 2, -1, 1.
    assertThat(encode(new ActivationFunction.TopK(3), 1, 1))
        .isEqualTo(latents(new int[] {0, 3}, new int[] {0, 1, 2}, 1, 1, 2));
    assertThat(encode(new ActivationFunction.TopK(2), 1, 1))
        .isEqualTo(latents(new int[] {0, 2}, new int[] {0, 2}, 1, 2));
  }

  @Test
  void jumpReluIsStrictlyAboveZeroAndTheThreshold() {
    // 3, -1, 2, -3, -3 and -2, 2, 0, 2, 3.
    ActivationFunction function =
        new ActivationFunction.JumpRelu(new float[] {3, -5, 1.5f, -9, 2.5f});
    assertThat(encode(function, 3, -1, -2, 2))
        .isEqualTo(latents(new int[] {0, 1, 4}, new int[] {2, 1, 3, 4}, 2, 2, 2, 3));
  }

  @Test
  void nonFiniteTokensAreCountedAndEmpty() {
    SparseLatents latents =
        encode(
            new ActivationFunction.TopK(1),
            Float.NaN,
            1,
            2,
            0,
            Float.MAX_VALUE,
            Float.MAX_VALUE,
            0,
            Float.NEGATIVE_INFINITY);
    // The third token is finite; its a + b is not.
    assertThat(latents.nonFiniteTokens()).isEqualTo(3);
    assertThat(latents.offsets()).containsExactly(0, 0, 1, 1, 1);
    assertThat(latents.latents()).containsExactly(0);
    assertThat(latents.values()).containsExactly(2);
  }

  @Test
  void noTokensNoLatents() {
    assertThat(encode(new ActivationFunction.Relu())).isEqualTo(latents(new int[] {0}, new int[0]));
  }

  @Test
  void equalsExactArithmetic() {
    for (int seed = 0; seed < 12; seed++) {
      Random random = new Random(seed);
      int width = 1 + random.nextInt(70);
      int latents = 1 + random.nextInt(40);
      SaeWeights weights =
          new SaeWeights(
              width,
              latents,
              InputNormalization.NONE,
              new float[width],
              gaussian(random, latents * width),
              gaussian(random, latents),
              switch (seed % 4) {
                case 0 -> new ActivationFunction.Identity();
                case 1 -> new ActivationFunction.Relu();
                case 2 -> new ActivationFunction.JumpRelu(gaussian(random, latents));
                default -> new ActivationFunction.TopK(1 + random.nextInt(latents));
              });
      float[] activations = gaussian(random, 3 * width);
      assertThat(new ReferenceSaeEncoder(weights).encode(activations))
          .isEqualTo(ExactArithmetic.encode(weights, activations));
    }
  }

  @Test
  void refusesPartialTokens() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> encode(new ActivationFunction.Relu(), 1, 2, 3))
        .withMessage("activations: 3 values (expected: a multiple of the width 2)");
  }

  private static SparseLatents encode(ActivationFunction function, float... activations) {
    SaeWeights weights =
        new SaeWeights(2, 5, InputNormalization.NONE, new float[2], WEIGHTS, BIAS, function);
    try (SaeEncoder encoder = new ReferenceSaeEncoder(weights)) {
      return encoder.encode(activations);
    }
  }

  private static SparseLatents latents(int[] offsets, int[] latents, float... values) {
    return new SparseLatents(0, offsets, latents, values);
  }

  private static float[] gaussian(Random random, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
