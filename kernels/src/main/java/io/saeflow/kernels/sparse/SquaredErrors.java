// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

/**
 * How far rows are from what they should be. The sum of squared errors of a row is {@code dot32(d,
 * d)} with {@code d[j] = actual[j] - expected[j]}, rounded. One object a thread.
 */
public final class SquaredErrors {
  private final int width;
  private final Dot32 dot32 = new Dot32();
  private final float[] differences;

  /**
   * @param width of a row, at least 1
   */
  public SquaredErrors(int width) {
    if (width < 1) {
      throw new IllegalArgumentException("width: %d (expected: >= 1)".formatted(width));
    }
    this.width = width;
    this.differences = new float[width];
  }

  /** The mean squared error of one row: the sum, divided by the width and rounded. */
  public float mean(float[] actual, int actualFrom, float[] expected, int expectedFrom) {
    return sum(actual, actualFrom, expected, expectedFrom) / width;
  }

  /**
   * The normalised mean squared error of one row, {@code mean((actual - expected)^2) /
   * mean(expected^2)}: the sum of squared errors, widened, divided by {@code dot32(expected,
   * expected)}, widened, in float64. NaN or infinite if a sum overflows or {@code expected} is all
   * zero.
   */
  public double normalized(float[] actual, int actualFrom, float[] expected, int expectedFrom) {
    double error = sum(actual, actualFrom, expected, expectedFrom);
    return error / dot32.dot(expected, expectedFrom, expected, expectedFrom, width);
  }

  private float sum(float[] actual, int actualFrom, float[] expected, int expectedFrom) {
    for (int j = 0; j < width; j++) {
      differences[j] = actual[actualFrom + j] - expected[expectedFrom + j];
    }
    return dot32.dot(differences, 0, differences, 0, width);
  }
}
