// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.sae.ExactArithmetic;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Dot32Test {
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 5, 31, 32, 33, 63, 64, 65, 100, 768})
  void equalsExactlyRoundedArithmetic(int length) {
    Random random = new Random(length);
    Dot32 dot32 = new Dot32();
    for (int repeat = 0; repeat < 20; repeat++) {
      float[] x = new float[length + 3];
      float[] w = new float[length + 7];
      for (int j = 0; j < x.length; j++) {
        x[j] = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(41) - 20));
      }
      for (int j = 0; j < w.length; j++) {
        w[j] = (float) random.nextGaussian();
      }
      assertThat(dot32.dot(x, 3, w, 7, length))
          .isEqualTo(ExactArithmetic.dot32(x, 3, w, 7, length));
    }
  }

  @Test
  void addsInTheOrderOfTheTree() {
    // Lane 0 meets lane 16 first: 2^24 and -2^24 cancel before the small ones could be lost.
    float[] x = new float[32];
    x[0] = 0x1p24f;
    x[16] = -0x1p24f;
    x[1] = 1;
    float[] ones = new float[32];
    Arrays.fill(ones, 1f);
    assertThat(new Dot32().dot(x, 0, ones, 0, 32)).isEqualTo(1f);
    // Here lane 1 meets lane 0 last, after 2^24 has absorbed the 1 of lane 8.
    float[] absorbed = new float[32];
    absorbed[0] = 0x1p24f;
    absorbed[8] = 1;
    absorbed[1] = -0x1p24f;
    assertThat(new Dot32().dot(absorbed, 0, ones, 0, 32)).isEqualTo(0f);
  }

  @Test
  void productsAreFused() {
    float x = 1 + 0x1p-12f;
    float[] xs = new float[64];
    float[] ws = new float[64];
    xs[0] = -1 - 0x1p-11f;
    ws[0] = 1;
    xs[32] = x;
    ws[32] = x;
    // x * x = 1 + 2^-11 + 2^-24, whose last term a separate product would round away.
    assertThat(new Dot32().dot(xs, 0, ws, 0, 64)).isEqualTo(0x1p-24f);
  }
}
