// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

/** What training does to dense matrices beside products; row-major. */
public final class DenseSums {
  private DenseSums() {}

  /**
   * Adds products in place: {@code x[i, j] = fma(a[i, j] * b[i, j], c, x[i, j])}, where {@code a *
   * b} is rounded before it is used.
   *
   * @param x [rows, columns]
   * @param a [rows, columns], or [columns] if it is the same for all rows
   * @param b as {@code a}
   * @throws IllegalArgumentException if the shapes do not fit
   */
  public static void addProducts(float[] x, int columns, float[] a, float[] b, float c) {
    int rows = DenseMatrices.rows("x", x.length, columns);
    DenseMatrices.requireRowsOrOne("a", a, rows, columns);
    DenseMatrices.requireRowsOrOne("b", b, rows, columns);
    int aRow = a.length == x.length ? columns : 0;
    int bRow = b.length == x.length ? columns : 0;
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        float product = a[i * aRow + j] * b[i * bRow + j];
        x[i * columns + j] = Math.fma(product, c, x[i * columns + j]);
      }
    }
  }

  /**
   * The sum of each column, in the order of {@link Dot32} without its products: sum l of 32 takes
   * rows l, l + 32, l + 64, ..., from +0; then {@code s[l] = s[l] + s[l + o]} for o = 16, 8, 4, 2,
   * 1.
   *
   * @param x [rows, columns]; with float16 or bfloat16 data, its values widened, so that sums are
   *     float32
   * @return [columns]
   * @throws IllegalArgumentException if the length is not a multiple of the columns
   */
  public static float[] columnSums(float[] x, int columns) {
    int rows = DenseMatrices.rows("x", x.length, columns);
    float[][] sums = new float[Dot32.CHAINS][columns];
    for (int i = 0; i < rows; i++) {
      float[] sum = sums[i % Dot32.CHAINS];
      for (int j = 0; j < columns; j++) {
        sum[j] += x[i * columns + j];
      }
    }
    for (int o = Dot32.CHAINS / 2; o >= 1; o /= 2) {
      for (int l = 0; l < o; l++) {
        for (int j = 0; j < columns; j++) {
          sums[l][j] += sums[l + o][j];
        }
      }
    }
    return sums[0];
  }
}
