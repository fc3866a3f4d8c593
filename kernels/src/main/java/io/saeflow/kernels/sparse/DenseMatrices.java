// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

/** What the shapes of dense matrices, row-major in arrays, must be. */
public final class DenseMatrices {
  private DenseMatrices() {}

  /**
   * Checks that a matrix has {@code rows} rows of {@code width}.
   *
   * @param what the matrix is, for the message
   * @throws IllegalArgumentException if it has not, or the width is below 1
   */
  public static void requireRows(String what, float[] matrix, long rows, int width) {
    if (width < 1 || matrix.length != rows * width) {
      throw new IllegalArgumentException(
          "%s: %d values (expected: %d rows of %d)".formatted(what, matrix.length, rows, width));
    }
  }

  /**
   * Checks that a matrix has {@code rows} rows of {@code width}, or a single one that stands for
   * all.
   *
   * @param what the matrix is, for the message
   * @throws IllegalArgumentException if it has neither
   */
  public static void requireRowsOrOne(String what, float[] matrix, int rows, int width) {
    if (matrix.length != width && matrix.length != (long) rows * width) {
      throw new IllegalArgumentException(
          "%s: %d values (expected: %d rows of %d, or one)"
              .formatted(what, matrix.length, rows, width));
    }
  }

  /**
   * How many rows of {@code width} a matrix has.
   *
   * @param what the matrix is, for the message
   * @param values of all rows
   * @throws IllegalArgumentException if they are no whole rows, or the width is below 1
   */
  public static int rows(String what, int values, int width) {
    if (width < 1 || values % width != 0) {
      throw new IllegalArgumentException(
          "%s: %d values (expected: rows of %d)".formatted(what, values, width));
    }
    return values / width;
  }
}
