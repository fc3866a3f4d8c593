// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class DenseSumsTest {
  @Property(tries = 200)
  void columnSumsAreThoseOfDoubles(
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 130) int rows,
      @ForAll @IntRange(min = 1, max = 40) int columns) {
    float[] x = gaussian(new Random(seed), rows * columns);
    float[] sums = DenseSums.columnSums(x, columns);
    assertThat(sums).hasSize(columns);
    for (int j = 0; j < columns; j++) {
      double expected = 0;
      for (int i = 0; i < rows; i++) {
        expected += x[i * columns + j];
      }
      assertThat((double) sums[j]).isCloseTo(expected, within(1e-4));
    }
  }

  @Test
  void columnSumsFollowTheTree() {
    // Rows 0 and 16 meet first, so the 1 of row 1 is kept; row 8 comes before the rest is there.
    float[] kept = new float[32];
    kept[0] = 0x1p24f;
    kept[16] = -0x1p24f;
    kept[1] = 1;
    assertThat(DenseSums.columnSums(kept, 1)).containsExactly(1);
    float[] absorbed = new float[32];
    absorbed[0] = 0x1p24f;
    absorbed[8] = 1;
    absorbed[1] = -0x1p24f;
    assertThat(DenseSums.columnSums(absorbed, 1)).containsExactly(0);
    // Row 32 follows row 0 in its chain.
    float[] chained = new float[33];
    chained[0] = 0x1p24f;
    chained[32] = 1;
    chained[16] = -0x1p24f;
    assertThat(DenseSums.columnSums(chained, 1)).containsExactly(0);
  }

  @Property(tries = 100)
  void addedProductsAreThoseOfDoubles(
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 9) int rows,
      @ForAll @IntRange(min = 1, max = 40) int columns,
      @ForAll boolean aIsARow,
      @ForAll boolean bIsARow) {
    Random random = new Random(seed);
    float[] x = gaussian(random, rows * columns);
    float[] a = gaussian(random, aIsARow ? columns : rows * columns);
    float[] b = gaussian(random, bIsARow ? columns : rows * columns);
    float[] sum = x.clone();
    DenseSums.addProducts(sum, columns, a, b, 0.3f);
    for (int i = 0; i < x.length; i++) {
      double product = (double) a[i % a.length] * b[i % b.length];
      assertThat((double) sum[i]).isCloseTo(x[i] + product * 0.3f, within(1e-5));
    }
  }

  @Test
  void theFirstProductIsRoundedAndTheSecondFused() {
    float a = 1 + 0x1p-12f;
    // a * a = 1 + 2^-11 + 2^-24, whose last term is rounded away; (1 + 2^-11) * (1 + 2^-13) ends in
    // 2^-24 too, which is kept.
    float[] x = {-1 - 0x1p-11f - 0x1p-13f};
    DenseSums.addProducts(x, 1, new float[] {a}, new float[] {a}, 1 + 0x1p-13f);
    assertThat(x).containsExactly(0x1p-24f);
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThatThrownBy(() -> DenseSums.columnSums(new float[5], 2))
        .hasMessage("x: 5 values (expected: rows of 2)");
    assertThatThrownBy(() -> DenseSums.addProducts(new float[6], 2, new float[3], new float[2], 1))
        .hasMessage("a: 3 values (expected: 3 rows of 2, or one)");
  }

  private static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
