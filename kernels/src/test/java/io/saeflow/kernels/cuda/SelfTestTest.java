// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.ReferencePreActivations;
import io.saeflow.kernels.sae.SaeWeights;
import java.util.Arrays;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

class SelfTestTest {
  @Test
  void expectsTheCanonicalBits() {
    SaeWeights weights =
        new SaeWeights(
            SelfTest.WIDTH,
            SelfTest.LATENTS,
            InputNormalization.NONE,
            new float[SelfTest.WIDTH],
            SelfTest.weights(),
            SelfTest.bias(),
            new ActivationFunction.Identity());

    int[] canonical = bits(ReferencePreActivations.of(SelfTest.rows(), weights));
    assertThat(SelfTest.expected()).isEqualTo(canonical);
  }

  @Test
  void aRoundedProductWouldShow() {
    assertThat(firstToken(32, Math::fma, SelfTestTest::tree)).isEqualTo(expectedOfFirstToken());
    assertThat(firstToken(32, (x, w, sum) -> x * w + sum, SelfTestTest::tree))
        .isNotEqualTo(expectedOfFirstToken());
  }

  @Test
  void anotherOrderWouldShow() {
    assertThat(firstToken(32, Math::fma, SelfTestTest::inOrder))
        .isNotEqualTo(expectedOfFirstToken());
    assertThat(firstToken(1, Math::fma, SelfTestTest::inOrder))
        .isNotEqualTo(expectedOfFirstToken());
  }

  @Test
  void aFlushedSubnormalWouldShow() {
    float subnormal = Float.intBitsToFloat(SelfTest.expected()[SelfTest.LATENTS]);

    assertThat(Math.abs(subnormal)).isBetween(Float.MIN_VALUE, Float.MIN_NORMAL);
  }

  private static int[] expectedOfFirstToken() {
    return Arrays.copyOf(SelfTest.expected(), SelfTest.LATENTS);
  }

  /** Its pre-activations, each from {@code count} chains of products that are then added up. */
  private static int[] firstToken(int count, Step step, ToDoubleFunction<float[]> sum) {
    float[] values = new float[SelfTest.LATENTS];
    for (int i = 0; i < values.length; i++) {
      float[] chains = new float[count];
      for (int j = 0; j < SelfTest.WIDTH; j++) {
        float w = SelfTest.weights()[i * SelfTest.WIDTH + j];
        chains[j % count] = step.apply(SelfTest.rows()[j], w, chains[j % count]);
      }
      values[i] = (float) sum.applyAsDouble(chains) + SelfTest.bias()[i];
    }
    return bits(values);
  }

  private static float tree(float[] chains) {
    float[] sums = chains.clone();
    for (int o = sums.length / 2; o >= 1; o /= 2) {
      for (int l = 0; l < o; l++) {
        sums[l] += sums[l + o];
      }
    }
    return sums[0];
  }

  private static float inOrder(float[] chains) {
    float sum = 0;
    for (float chain : chains) {
      sum += chain;
    }
    return sum;
  }

  private interface Step {
    float apply(float x, float w, float sum);
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }
}
