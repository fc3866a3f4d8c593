// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sparse.DenseMatrices;
import org.jspecify.annotations.Nullable;

/**
 * {@link io.saeflow.kernels.sparse.SquaredErrors} of all rows of a matrix on a GPU, equal to the
 * bit but for those that tell one NaN from another; row-major.
 *
 * <p>Matrices are in the heap; each call copies its own to the GPU, whose memory must hold them
 * both. Can be used by several threads, one of which the GPU serves at a time.
 */
public final class CudaSquaredErrors {
  private static final int THREADS = 128;
  private static final int WARPS = THREADS / 32;

  private final CudaDevice device;

  /**
   * @param device must stay open as long as this is used
   */
  public CudaSquaredErrors(CudaDevice device) {
    this.device = device;
  }

  /**
   * The mean squared error of each row.
   *
   * @param actual [rows, width]
   * @param expected [rows, width]
   * @return [rows]
   * @throws IllegalArgumentException if the shapes do not fit
   * @throws CudaException if the GPU's memory does not suffice
   */
  public float[] means(float[] actual, float[] expected, int width) {
    int rows = rows(actual, expected, width);
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            DeviceMemory means = memory.device(rows, Float.BYTES);
            compute(memory, actual, expected, rows, width, means, null);
            return memory.floats(means, rows);
          }
        });
  }

  /**
   * The normalised mean squared error of each row, {@code mean((actual - expected)^2) /
   * mean(expected^2)}.
   *
   * @param actual [rows, width]
   * @param expected [rows, width]
   * @return [rows]; NaN or infinite if a sum overflows or an expected row is all zero
   * @throws IllegalArgumentException if the shapes do not fit
   * @throws CudaException if the GPU's memory does not suffice
   */
  public double[] normalized(float[] actual, float[] expected, int width) {
    int rows = rows(actual, expected, width);
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            DeviceMemory normalized = memory.device(rows, Double.BYTES);
            compute(memory, actual, expected, rows, width, null, normalized);
            return memory.doubles(normalized, rows);
          }
        });
  }

  private void compute(
      MemoryScope memory,
      float[] actual,
      float[] expected,
      int rows,
      int width,
      @Nullable DeviceMemory means,
      @Nullable DeviceMemory normalized) {
    if (rows == 0) {
      return;
    }
    KernelArguments arguments =
        new KernelArguments(Kernel.SQUARED_ERRORS)
            .pointer(memory.upload(actual))
            .pointer(memory.upload(expected))
            .number(rows)
            .number(width)
            .pointerOrNull(means)
            .pointerOrNull(normalized);
    device.launch(arguments, (rows - 1) / WARPS + 1, THREADS, 0);
  }

  private static int rows(float[] actual, float[] expected, int width) {
    int rows = DenseMatrices.rows("actual", actual.length, width);
    DenseMatrices.requireRows("expected", expected, rows, width);
    return rows;
  }
}
