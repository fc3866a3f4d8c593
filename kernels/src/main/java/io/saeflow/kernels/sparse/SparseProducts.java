// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

/**
 * Products of sparse and dense matrices; dense ones are row-major. Sums start at +0 and take their
 * terms one after the other, each by a fused multiply-add, so that the columns of a result are
 * independent of each other.
 */
public final class SparseProducts {
  private SparseProducts() {}

  /**
   * Sparse times dense: latents to what they decode to.
   *
   * <p>{@code out[r, j] = fma(a.values[e], dense[a.indices[e], j], out[r, j])} over the entries e
   * of row r in their order.
   *
   * @param dense [a.columns, width]
   * @return [a.rows, width]; a row without entries is +0
   * @throws IllegalArgumentException if the shapes do not fit
   */
  public static float[] multiply(CsrMatrix a, float[] dense, int width) {
    DenseMatrices.requireRows("dense", dense, a.columns(), width);
    float[] out = new float[Math.multiplyExact(a.rows(), width)];
    WeightedRows rows = new WeightedRows(width);
    for (int r = 0; r < a.rows(); r++) {
      System.arraycopy(rows.sum(a, r, dense), 0, out, r * width, width);
    }
    return out;
  }

  /**
   * Sparse, transposed, times dense: the gradient of what latents decode with.
   *
   * <p>{@code out[c, j] = fma(v, dense[r, j], out[c, j])} over the entries v of column c, by
   * ascending row, and within a row in their order.
   *
   * @param dense [a.rows, width]
   * @return [a.columns, width]; a row without entries is +0
   * @throws IllegalArgumentException if the shapes do not fit
   */
  public static float[] multiplyTransposed(CsrMatrix a, float[] dense, int width) {
    DenseMatrices.requireRows("dense", dense, a.rows(), width);
    float[] out = new float[Math.multiplyExact(a.columns(), width)];
    for (int r = 0; r < a.rows(); r++) {
      for (int e = a.offsets()[r]; e < a.offsets()[r + 1]; e++) {
        addScaled(a.values()[e], dense, r * width, width, out, a.indices()[e] * width);
      }
    }
    return out;
  }

  /**
   * As {@link #multiplyTransposed(CsrMatrix, float[], int)}, of coordinates: over the entries of a
   * column in the order in which they are given.
   *
   * @param dense [a.rows, width]
   * @return [a.columns, width]; a row without entries is +0
   * @throws IllegalArgumentException if the shapes do not fit
   */
  public static float[] multiplyTransposed(CooMatrix a, float[] dense, int width) {
    DenseMatrices.requireRows("dense", dense, a.rows(), width);
    float[] out = new float[Math.multiplyExact(a.columns(), width)];
    for (int e = 0; e < a.size(); e++) {
      addScaled(
          a.values()[e],
          dense,
          a.rowIndices()[e] * width,
          width,
          out,
          a.columnIndices()[e] * width);
    }
    return out;
  }

  /**
   * Dense times dense, transposed, only where {@code positions} has entries: the gradient of
   * latents. Entry e of row r gets {@code dot32(left[r], right[positions.indices[e]])}, as {@link
   * Dot32} adds.
   *
   * @param left [positions.rows, width]
   * @param right [positions.columns, width]
   * @param positions its values are not read
   * @return [positions.size], in the order of its entries
   * @throws IllegalArgumentException if the shapes do not fit
   */
  public static float[] multiplyAt(float[] left, float[] right, int width, CsrMatrix positions) {
    DenseMatrices.requireRows("left", left, positions.rows(), width);
    DenseMatrices.requireRows("right", right, positions.columns(), width);
    float[] out = new float[positions.size()];
    Dot32 dot32 = new Dot32();
    for (int r = 0; r < positions.rows(); r++) {
      for (int e = positions.offsets()[r]; e < positions.offsets()[r + 1]; e++) {
        out[e] = dot32.dot(left, r * width, right, positions.indices()[e] * width, width);
      }
    }
    return out;
  }

  private static void addScaled(
      float factor, float[] from, int fromIndex, int width, float[] to, int toIndex) {
    for (int j = 0; j < width; j++) {
      to[toIndex + j] = Math.fma(factor, from[fromIndex + j], to[toIndex + j]);
    }
  }
}
