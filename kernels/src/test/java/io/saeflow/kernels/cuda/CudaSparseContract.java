// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.saeflow.kernels.sparse.CooMatrix;
import io.saeflow.kernels.sparse.CsrMatrix;
import io.saeflow.kernels.sparse.DenseSums;
import io.saeflow.kernels.sparse.SparseProducts;
import io.saeflow.kernels.sparse.SquaredErrors;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * What CUDA's sparse products and dense sums are, on whichever device a subclass opens: those of
 * the processor to the bit, with one NaN as good as another.
 */
abstract class CudaSparseContract {
  private static final int[] WIDTHS = {1, 2, 31, 32, 33, 64, 100, 129, 300};

  /** The device of all tests of a class. */
  abstract CudaDevice device();

  /** How many random cases there is time for. */
  abstract int cases();

  @AfterEach
  void nothingIsLeftOpen() {
    assertThat(device().liveAllocations()).isZero();
  }

  @Test
  void productsEqualTheProcessors() {
    CudaSparseProducts products = new CudaSparseProducts(device());
    Random random = new Random(1);
    for (int i = 0; i < cases(); i++) {
      CsrMatrix a = matrix(random, pick(random, 0, 1, 2, 9, 40), pick(random, 1, 2, 17, 70));
      int width = pick(random, WIDTHS);
      float[] left = numbers(random, a.rows() * width);
      float[] right = numbers(random, a.columns() * width);
      String as =
          "%d x %d of %d entries, width %d".formatted(a.rows(), a.columns(), a.size(), width);

      assertThat(products.multiply(a, right, width))
          .as(as)
          .isEqualTo(SparseProducts.multiply(a, right, width));
      assertThat(products.multiplyTransposed(a, left, width))
          .as(as)
          .isEqualTo(SparseProducts.multiplyTransposed(a, left, width));
      assertThat(products.multiplyAt(left, right, width, a))
          .as(as)
          .isEqualTo(SparseProducts.multiplyAt(left, right, width, a));
    }
  }

  @Test
  void coordinatesInAnyOrderEqualTheProcessors() {
    CudaSparseProducts products = new CudaSparseProducts(device());
    Random random = new Random(2);
    for (int i = 0; i < cases(); i++) {
      int rows = pick(random, 1, 2, 9, 40);
      int columns = pick(random, 1, 2, 17, 70, 300);
      int entries = pick(random, 0, 1, 31, 200, 1023, 1024, 1025, 2100);
      CooMatrix a =
          new CooMatrix(
              rows,
              columns,
              random.ints(entries, 0, rows).toArray(),
              random.ints(entries, 0, columns).toArray(),
              numbers(random, entries));
      int width = pick(random, WIDTHS);
      float[] dense = numbers(random, rows * width);

      assertThat(products.multiplyTransposed(a, dense, width))
          .as("%d x %d of %d entries, width %d", rows, columns, entries, width)
          .isEqualTo(SparseProducts.multiplyTransposed(a, dense, width));
    }
  }

  @Test
  void productsAddedInPlaceEqualTheProcessors() {
    CudaDenseSums sums = new CudaDenseSums(device());
    Random random = new Random(3);
    for (int i = 0; i < cases(); i++) {
      int rows = pick(random, 0, 1, 2, 9, 33);
      int columns = pick(random, WIDTHS);
      float[] x = numbers(random, rows * columns);
      float[] a = numbers(random, random.nextBoolean() ? columns : rows * columns);
      float[] b = numbers(random, random.nextBoolean() ? columns : rows * columns);
      float[] expected = x.clone();
      DenseSums.addProducts(expected, columns, a, b, -0.3f);
      sums.addProducts(x, columns, a, b, -0.3f);

      assertThat(x).as("%d x %d", rows, columns).isEqualTo(expected);
    }
  }

  @Test
  void columnSumsEqualTheProcessors() {
    CudaDenseSums sums = new CudaDenseSums(device());
    Random random = new Random(4);
    for (int i = 0; i < cases(); i++) {
      int rows = pick(random, 0, 1, 31, 32, 33, 70);
      int columns = pick(random, WIDTHS);
      float[] x = numbers(random, rows * columns);
      short[] halves = new short[rows * columns];
      float[] widened = new float[rows * columns];
      for (int h = 0; h < halves.length; h++) {
        int exponent = random.nextInt(31);
        int mantissa = random.nextInt(1 << 10);
        int sign = random.nextInt(2);
        halves[h] = (short) (sign << 15 | exponent << 10 | mantissa);
        widened[h] = binary16(sign, exponent, mantissa);
      }

      assertThat(sums.columnSums(x, columns))
          .as("%d x %d", rows, columns)
          .isEqualTo(DenseSums.columnSums(x, columns));
      assertThat(sums.columnSums(halves, columns))
          .as("%d x %d halves", rows, columns)
          .isEqualTo(DenseSums.columnSums(widened, columns));
    }
  }

  @Test
  void errorsEqualTheProcessors() {
    CudaSquaredErrors errors = new CudaSquaredErrors(device());
    Random random = new Random(5);
    for (int i = 0; i < cases(); i++) {
      int rows = pick(random, 0, 1, 2, 9, 33);
      int width = pick(random, WIDTHS);
      float[] actual = numbers(random, rows * width);
      float[] expected = numbers(random, rows * width);
      Arrays.fill(expected, 0, Math.min(rows, 1) * width, 0f);
      SquaredErrors plain = new SquaredErrors(width);
      float[] means = new float[rows];
      double[] normalized = new double[rows];
      for (int r = 0; r < rows; r++) {
        means[r] = plain.mean(actual, r * width, expected, r * width);
        normalized[r] = plain.normalized(actual, r * width, expected, r * width);
      }

      assertThat(errors.means(actual, expected, width)).as("%d x %d", rows, width).isEqualTo(means);
      assertThat(errors.normalized(actual, expected, width))
          .as("%d x %d", rows, width)
          .isEqualTo(normalized);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    CsrMatrix a = new CsrMatrix(2, new int[] {0, 1}, new int[] {1}, new float[] {3});
    CudaSparseProducts products = new CudaSparseProducts(device());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> products.multiply(a, new float[5], 3))
        .withMessage("dense: 5 values (expected: 2 rows of 3)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> products.multiplyTransposed(a, new float[5], 3))
        .withMessage("dense: 5 values (expected: 1 rows of 3)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> products.multiplyAt(new float[3], new float[5], 3, a))
        .withMessage("right: 5 values (expected: 2 rows of 3)");
    CudaDenseSums sums = new CudaDenseSums(device());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sums.columnSums(new float[5], 2))
        .withMessage("x: 5 values (expected: rows of 2)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sums.addProducts(new float[6], 2, new float[3], new float[2], 1))
        .withMessage("a: 3 values (expected: 3 rows of 2, or one)");
    CudaSquaredErrors errors = new CudaSquaredErrors(device());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> errors.means(new float[4], new float[3], 2))
        .withMessage("expected: 3 values (expected: 2 rows of 2)");
  }

  /** Some rows are empty, and a column may come twice in one. */
  private static CsrMatrix matrix(Random random, int rows, int columns) {
    int[] offsets = new int[rows + 1];
    int[] indices = new int[2 * rows * columns];
    int count = 0;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns && r % 3 != 1; c++) {
        int times = Math.max(0, random.nextInt(5) - 2);
        Arrays.fill(indices, count, count + times, c);
        count += times;
      }
      offsets[r + 1] = count;
    }
    return new CsrMatrix(columns, offsets, Arrays.copyOf(indices, count), numbers(random, count));
  }

  /** Gaussian; now and then such that products overflow, are subnormal, or are not finite. */
  private static float[] numbers(Random random, int count) {
    float[] values = new float[count];
    float scale = random.nextInt(4) == 0 ? 0x1p62f : random.nextInt(3) == 0 ? 0x1p-70f : 1;
    boolean finite = random.nextInt(6) > 0;
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian() * scale;
      if (!finite && random.nextInt(50) == 0) {
        values[i] = random.nextBoolean() ? Float.NaN : Float.NEGATIVE_INFINITY;
      }
    }
    return values;
  }

  private static float binary16(int sign, int exponent, int mantissa) {
    float magnitude =
        exponent == 0 ? mantissa * 0x1p-24f : Math.scalb(1 + mantissa * 0x1p-10f, exponent - 15);
    return sign == 0 ? magnitude : -magnitude;
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }
}
