// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

/**
 * Turns a token's activation x into the row z that meets the encoder's weights. Every operation is
 * rounded to nearest at the stated precision and none is fused, so that any device can give the
 * same bits.
 *
 * <p>{@link InputNormalization#NONE}: {@code y = x}.
 *
 * <p>{@link InputNormalization#LAYER_NORM}, with sums over j = 0, 1, ..., D-1 in that order, from
 * +0:
 *
 * <pre>
 * mean  = float32(float64-sum of x[j] / D)
 * c[j]  = x[j] - mean                                           float32
 * m     = float64-sum of c[j] / D                               float64
 * v     = float64-sum of (c[j] - m) * (c[j] - m) / (D - 1)      float64
 * scale = float32(sqrt(v)) + 1e-5f                              float32
 * y[j]  = c[j] / scale                                          float32
 * </pre>
 *
 * <p>Both: {@code z[j] = y[j] - inputBias[j]}, float32. Divisions are divisions, not products with
 * a reciprocal. The token is non-finite if any x, z or the scale is NaN or infinite.
 */
final class InputRows {
  private static final float EPSILON = 1e-5f;

  private final int width;
  private final InputNormalization normalization;
  private final float[] inputBias;

  InputRows(SaeWeights weights) {
    this.width = weights.width();
    this.normalization = weights.normalization();
    this.inputBias = weights.inputBias();
  }

  /**
   * Writes the row of the activation at {@code activations[from]} to {@code rows[to]}.
   *
   * @return whether the token is finite; if not, what was written means nothing
   */
  boolean prepare(float[] activations, int from, float[] rows, int to) {
    if (!finite(activations, from)) {
      return false;
    }
    System.arraycopy(activations, from, rows, to, width);
    if (normalization == InputNormalization.LAYER_NORM && !normalize(rows, to)) {
      return false;
    }
    for (int j = 0; j < width; j++) {
      rows[to + j] -= inputBias[j];
    }
    return finite(rows, to);
  }

  private boolean normalize(float[] rows, int at) {
    float mean = mean(rows, at, width);
    for (int j = 0; j < width; j++) {
      rows[at + j] -= mean;
    }
    float scale = deviation(rows, at, width) + EPSILON;
    if (!Float.isFinite(scale)) {
      return false;
    }
    for (int j = 0; j < width; j++) {
      rows[at + j] /= scale;
    }
    return true;
  }

  /** {@code mean} of the {@code width} values from {@code from}. */
  static float mean(float[] x, int from, int width) {
    return (float) (sum(x, from, width) / width);
  }

  /** {@code float32(sqrt(v))} of the {@code width} values c from {@code from}. */
  static float deviation(float[] c, int from, int width) {
    double mean = sum(c, from, width) / width;
    double squares = 0;
    for (int j = from; j < from + width; j++) {
      double deviation = c[j] - mean;
      squares += deviation * deviation;
    }
    return (float) Math.sqrt(squares / (width - 1));
  }

  private static double sum(float[] values, int from, int width) {
    double sum = 0;
    for (int j = from; j < from + width; j++) {
      sum += values[j];
    }
    return sum;
  }

  private boolean finite(float[] values, int from) {
    for (int j = from; j < from + width; j++) {
      if (!Float.isFinite(values[j])) {
        return false;
      }
    }
    return true;
  }
}
