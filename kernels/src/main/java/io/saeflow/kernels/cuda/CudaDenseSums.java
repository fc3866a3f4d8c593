// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sparse.DenseMatrices;

/**
 * {@link io.saeflow.kernels.sparse.DenseSums} on a GPU, equal to the bit but for those that tell
 * one NaN from another; row-major.
 *
 * <p>Matrices are in the heap; each call copies its own to the GPU, whose memory must hold them
 * all. Can be used by several threads, one of which the GPU serves at a time.
 */
public final class CudaDenseSums {
  private static final int THREADS = 128;

  /** A warp for each of the 32 sums that are made side by side, and a lane for each column. */
  private static final int COLUMN_SUMS_THREADS = 1024;

  private static final int COLUMNS_PER_BLOCK = 32;

  private final CudaDevice device;

  /**
   * @param device must stay open as long as this is used
   */
  public CudaDenseSums(CudaDevice device) {
    this.device = device;
  }

  /**
   * Adds products in place: {@code x[i, j] = fma(a[i, j] * b[i, j], c, x[i, j])}, where {@code a *
   * b} is rounded before it is used.
   *
   * @param x [rows, columns]
   * @param a [rows, columns], or [columns] if it is the same for all rows
   * @param b as {@code a}
   * @throws IllegalArgumentException if the shapes do not fit
   * @throws CudaException if the GPU's memory does not suffice
   */
  public void addProducts(float[] x, int columns, float[] a, float[] b, float c) {
    int rows = DenseMatrices.rows("x", x.length, columns);
    DenseMatrices.requireRowsOrOne("a", a, rows, columns);
    DenseMatrices.requireRowsOrOne("b", b, rows, columns);
    if (rows == 0) {
      return;
    }
    float[] sums =
        device.call(
            () -> {
              try (MemoryScope memory = new MemoryScope(device)) {
                DeviceMemory sum = memory.upload(x);
                KernelArguments arguments =
                    new KernelArguments(Kernel.ADD_PRODUCTS)
                        .pointer(sum)
                        .number((long) x.length)
                        .number(columns)
                        .pointer(memory.upload(a))
                        .number(a.length == x.length ? 1 : 0)
                        .pointer(memory.upload(b))
                        .number(b.length == x.length ? 1 : 0)
                        .number(c);
                device.launch(arguments, (x.length - 1) / THREADS + 1, THREADS, 0);
                return memory.floats(sum, x.length);
              }
            });
    System.arraycopy(sums, 0, x, 0, x.length);
  }

  /**
   * The sum of each column, in float32.
   *
   * @param x [rows, columns]
   * @return [columns]
   * @throws IllegalArgumentException if the length is not a multiple of the columns
   * @throws CudaException if the GPU's memory does not suffice
   */
  public float[] columnSums(float[] x, int columns) {
    int rows = DenseMatrices.rows("x", x.length, columns);
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            return columnSums(memory, Kernel.COLUMN_SUMS, memory.upload(x), rows, columns);
          }
        });
  }

  /**
   * The sum of each column of float16 data: the values are widened, and the sums are float32.
   *
   * @param x [rows, columns], the bits of binary16 values
   * @return [columns]
   * @throws IllegalArgumentException if the length is not a multiple of the columns
   * @throws CudaException if the GPU's memory does not suffice
   */
  public float[] columnSums(short[] x, int columns) {
    int rows = DenseMatrices.rows("x", x.length, columns);
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            return columnSums(memory, Kernel.COLUMN_SUMS_F16, memory.upload(x), rows, columns);
          }
        });
  }

  private float[] columnSums(
      MemoryScope memory, Kernel kernel, DeviceMemory x, int rows, int columns) {
    DeviceMemory sums = memory.device(columns, Float.BYTES);
    KernelArguments arguments =
        new KernelArguments(kernel).pointer(x).number(rows).number(columns).pointer(sums);
    device.launch(arguments, (columns - 1) / COLUMNS_PER_BLOCK + 1, COLUMN_SUMS_THREADS, 0);
    return memory.floats(sums, columns);
  }
}
