// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SparseProductsTest {
  @Property(tries = 200)
  void aSparseMatrixTimesADenseOneIsTheSumOfScaledRows(
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 9) int rows,
      @ForAll @IntRange(min = 1, max = 12) int columns,
      @ForAll @IntRange(min = 1, max = 70) int width) {
    Random random = new Random(seed);
    CsrMatrix a = matrix(random, rows, columns);
    float[] dense = gaussian(random, columns * width);
    double[] full = dense(a);
    float[] product = SparseProducts.multiply(a, dense, width);
    assertThat(product).hasSize(rows * width);
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < width; j++) {
        double expected = 0;
        for (int c = 0; c < columns; c++) {
          expected += full[r * columns + c] * dense[c * width + j];
        }
        assertThat((double) product[r * width + j]).isCloseTo(expected, within(1e-4));
      }
    }
  }

  @Property(tries = 200)
  void theTransposedProductIsThatOfTheExplicitTranspose(
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 9) int rows,
      @ForAll @IntRange(min = 1, max = 12) int columns,
      @ForAll @IntRange(min = 1, max = 70) int width) {
    Random random = new Random(seed);
    CsrMatrix a = matrix(random, rows, columns);
    float[] dense = gaussian(random, rows * width);
    double[] full = dense(a);
    float[] product = SparseProducts.multiplyTransposed(a, dense, width);
    for (int c = 0; c < columns; c++) {
      for (int j = 0; j < width; j++) {
        double expected = 0;
        for (int r = 0; r < rows; r++) {
          expected += full[r * columns + c] * dense[r * width + j];
        }
        assertThat((double) product[c * width + j]).isCloseTo(expected, within(1e-4));
      }
    }
    assertThat(SparseProducts.multiplyTransposed(coordinates(a), dense, width)).isEqualTo(product);
  }

  @Property(tries = 200)
  void productsAtPositionsAreThoseOfTheFullProduct(
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 9) int rows,
      @ForAll @IntRange(min = 1, max = 12) int columns,
      @ForAll @IntRange(min = 1, max = 70) int width) {
    Random random = new Random(seed);
    CsrMatrix positions = matrix(random, rows, columns);
    float[] left = gaussian(random, rows * width);
    float[] right = gaussian(random, columns * width);
    float[] values = SparseProducts.multiplyAt(left, right, width, positions);
    assertThat(values).hasSize(positions.size());
    for (int r = 0; r < rows; r++) {
      for (int e = positions.offsets()[r]; e < positions.offsets()[r + 1]; e++) {
        double expected = 0;
        for (int j = 0; j < width; j++) {
          expected += (double) left[r * width + j] * right[positions.indices()[e] * width + j];
        }
        assertThat((double) values[e]).isCloseTo(expected, within(1e-4));
      }
    }
  }

  /** Every bit: each term is added exactly and rounded once, in the order of the entries. */
  @Property(tries = 100)
  void everyTermIsFusedInTheOrderOfTheEntries(@ForAll long seed) {
    Random random = new Random(seed);
    CsrMatrix a = matrix(random, 3, 9);
    float[] dense = gaussian(random, 9 * 5);
    float[] product = SparseProducts.multiply(a, dense, 5);
    float[] left = gaussian(random, 3 * 5);
    float[] transposed = SparseProducts.multiplyTransposed(a, left, 5);
    float[] expected = new float[3 * 5];
    float[] expectedTransposed = new float[9 * 5];
    for (int r = 0; r < 3; r++) {
      for (int e = a.offsets()[r]; e < a.offsets()[r + 1]; e++) {
        int c = a.indices()[e];
        for (int j = 0; j < 5; j++) {
          expected[r * 5 + j] = fma(a.values()[e], dense[c * 5 + j], expected[r * 5 + j]);
          expectedTransposed[c * 5 + j] =
              fma(a.values()[e], left[r * 5 + j], expectedTransposed[c * 5 + j]);
        }
      }
    }
    assertThat(product).isEqualTo(expected);
    assertThat(transposed).isEqualTo(expectedTransposed);
  }

  @Test
  void coordinatesAreAddedInTheOrderInWhichTheyAreGiven() {
    float[] dense = {0x1p24f, 1, -0x1p24f};
    int[] column = {0, 0, 0};
    float[] ones = {1, 1, 1};
    CooMatrix absorbed = new CooMatrix(3, 1, new int[] {0, 1, 2}, column, ones);
    CooMatrix kept = new CooMatrix(3, 1, new int[] {0, 2, 1}, column, ones);
    assertThat(SparseProducts.multiplyTransposed(absorbed, dense, 1)).containsExactly(0);
    assertThat(SparseProducts.multiplyTransposed(kept, dense, 1)).containsExactly(1);
  }

  @Test
  void whatHasNoEntriesIsZero() {
    CsrMatrix none = new CsrMatrix(2, new int[] {0, 0, 0, 0}, new int[0], new float[0]);
    float[] nan = {Float.NaN, Float.NaN, Float.NaN};
    assertThat(SparseProducts.multiply(none, new float[2], 1)).containsExactly(0, 0, 0);
    assertThat(SparseProducts.multiplyTransposed(none, nan, 1)).containsExactly(0, 0);
    assertThat(SparseProducts.multiplyAt(nan, new float[2], 1, none)).isEmpty();
    CsrMatrix noRows = new CsrMatrix(2, new int[] {0}, new int[0], new float[0]);
    assertThat(SparseProducts.multiply(noRows, new float[6], 3)).isEmpty();
    assertThat(SparseProducts.multiplyTransposed(noRows, new float[0], 3))
        .containsExactly(0, 0, 0, 0, 0, 0);
  }

  @Test
  void whatDoesNotFitIsRefused() {
    CsrMatrix a = new CsrMatrix(2, new int[] {0, 1}, new int[] {1}, new float[] {3});
    assertThatThrownBy(() -> SparseProducts.multiply(a, new float[5], 3))
        .hasMessage("dense: 5 values (expected: 2 rows of 3)");
    assertThatThrownBy(() -> SparseProducts.multiplyTransposed(a, new float[5], 3))
        .hasMessage("dense: 5 values (expected: 1 rows of 3)");
    assertThatThrownBy(() -> SparseProducts.multiplyAt(new float[3], new float[5], 3, a))
        .hasMessage("right: 5 values (expected: 2 rows of 3)");
    assertThatThrownBy(() -> new CsrMatrix(2, new int[] {0, 1}, new int[] {2}, new float[] {3}))
        .hasMessage("column of entry 0: 2 (expected: 0 to 1)");
    assertThatThrownBy(() -> new CsrMatrix(2, new int[] {0, 2}, new int[] {1}, new float[] {3}))
        .hasMessageContaining("2 offsets, 1 indices, 1 values");
    assertThatThrownBy(
            () -> new CsrMatrix(2, new int[] {0, 1, 0, 1}, new int[] {1}, new float[] {3}))
        .hasMessage("offset of row 1: 1 (expected: at most the next, 0)");
    assertThatThrownBy(() -> new CooMatrix(1, 2, new int[] {1}, new int[] {1}, new float[] {3}))
        .hasMessage("row of entry 0: 1 (expected: 0 to 0)");
    assertThatThrownBy(() -> new CooMatrix(1, 2, new int[0], new int[] {1}, new float[] {3}))
        .hasMessage("coordinates: 0 rows, 1 columns, 1 values (expected: as many)");
  }

  private static float fma(float x, float w, float s) {
    return new BigDecimal(x).multiply(new BigDecimal(w)).add(new BigDecimal(s)).floatValue();
  }

  /** About every third entry, ascending; a column may come twice. */
  private static CsrMatrix matrix(Random random, int rows, int columns) {
    int[] offsets = new int[rows + 1];
    int[] indices = new int[2 * rows * columns];
    int count = 0;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns && random.nextInt(8) > 0; c++) {
        for (int i = random.nextInt(3); i == 0 || (i == 1 && c == 3); i++) {
          indices[count++] = c;
        }
      }
      offsets[r + 1] = count;
    }
    return new CsrMatrix(columns, offsets, Arrays.copyOf(indices, count), gaussian(random, count));
  }

  private static CooMatrix coordinates(CsrMatrix a) {
    int[] rows = new int[a.size()];
    for (int r = 0; r < a.rows(); r++) {
      for (int e = a.offsets()[r]; e < a.offsets()[r + 1]; e++) {
        rows[e] = r;
      }
    }
    return new CooMatrix(a.rows(), a.columns(), rows, a.indices(), a.values());
  }

  private static double[] dense(CsrMatrix a) {
    double[] full = new double[a.rows() * a.columns()];
    for (int r = 0; r < a.rows(); r++) {
      for (int e = a.offsets()[r]; e < a.offsets()[r + 1]; e++) {
        full[r * a.columns() + a.indices()[e]] += a.values()[e];
      }
    }
    return full;
  }

  private static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
