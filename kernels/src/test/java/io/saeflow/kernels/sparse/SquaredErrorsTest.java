// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Percentage.withPercentage;

import io.saeflow.kernels.sae.ExactArithmetic;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SquaredErrorsTest {
  @Property(tries = 200)
  void errorsAreThoseOfDoubles(@ForAll long seed, @ForAll @IntRange(min = 1, max = 200) int width) {
    Random random = new Random(seed);
    float[] actual = gaussian(random, width + 2);
    float[] expected = gaussian(random, width + 3);
    double error = 0;
    double size = 0;
    float[] differences = new float[width];
    for (int j = 0; j < width; j++) {
      double difference = (double) actual[2 + j] - expected[3 + j];
      differences[j] = actual[2 + j] - expected[3 + j];
      error += difference * difference;
      size += (double) expected[3 + j] * expected[3 + j];
    }
    SquaredErrors errors = new SquaredErrors(width);
    assertThat((double) errors.mean(actual, 2, expected, 3))
        .isCloseTo(error / width, withPercentage(1e-3));
    assertThat(errors.normalized(actual, 2, expected, 3))
        .isCloseTo(error / size, withPercentage(1e-3))
        // And in the canonical order, every bit.
        .isEqualTo(
            (double) ExactArithmetic.dot32(differences, 0, differences, 0, width)
                / ExactArithmetic.dot32(expected, 3, expected, 3, width));
  }

  @Test
  void whatHasNoErrorIsSaidSo() {
    SquaredErrors errors = new SquaredErrors(2);
    float[] zero = {0, 0};
    float[] one = {1, 1};
    float[] huge = {3e19f, 3e19f};
    assertThat(errors.normalized(one, 0, one, 0)).isZero();
    assertThat(errors.normalized(zero, 0, one, 0)).isEqualTo(1);
    assertThat(errors.normalized(zero, 0, zero, 0)).isNaN();
    assertThat(errors.normalized(one, 0, zero, 0)).isInfinite();
    assertThat(errors.normalized(huge, 0, one, 0)).isInfinite();
    assertThat(errors.normalized(one, 0, huge, 0)).isNaN();
    assertThatThrownBy(() -> new SquaredErrors(0)).hasMessage("width: 0 (expected: >= 1)");
  }

  private static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
