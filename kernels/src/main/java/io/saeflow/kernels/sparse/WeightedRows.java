// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

import java.util.Arrays;

/**
 * Sums of scaled rows: one row of a sparse matrix times a dense one. One object a thread.
 *
 * <p>A row is copied before it is added, since the compiler only makes vector instructions of a
 * loop that goes through all its arrays by the same index.
 */
public final class WeightedRows {
  private final int width;
  private final float[] row;
  private final float[] sums;

  /**
   * @param width of the dense rows, at least 1
   */
  public WeightedRows(int width) {
    if (width < 1) {
      throw new IllegalArgumentException("width: %d (expected: >= 1)".formatted(width));
    }
    this.width = width;
    this.row = new float[width];
    this.sums = new float[width];
  }

  /**
   * Row {@code r} of {@code a} times {@code dense}, as {@link SparseProducts#multiply} states.
   *
   * @param dense [a.columns, width], row-major
   * @return [width]; shared, until the next call
   */
  public float[] sum(CsrMatrix a, int r, float[] dense) {
    Arrays.fill(sums, 0f);
    for (int e = a.offsets()[r]; e < a.offsets()[r + 1]; e++) {
      System.arraycopy(dense, a.indices()[e] * width, row, 0, width);
      addScaled(a.values()[e]);
    }
    return sums;
  }

  private void addScaled(float factor) {
    float[] from = row;
    float[] to = sums;
    for (int j = 0; j < to.length; j++) {
      to[j] = Math.fma(factor, from[j], to[j]);
    }
  }
}
