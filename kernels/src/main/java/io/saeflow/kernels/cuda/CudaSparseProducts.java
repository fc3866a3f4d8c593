// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sparse.CooMatrix;
import io.saeflow.kernels.sparse.CsrMatrix;
import io.saeflow.kernels.sparse.DenseMatrices;
import org.jspecify.annotations.Nullable;

/**
 * {@link io.saeflow.kernels.sparse.SparseProducts} on a GPU, equal to the bit but for those that
 * tell one NaN from another. Dense matrices are row-major.
 *
 * <p>Matrices are in the heap; each call copies its own to the GPU, whose memory must hold them all
 * and the result. That comes back by way of as much pinned memory, so that one of 2^29 values or
 * more is an {@link ArithmeticException}. Can be used by several threads, one of which the GPU
 * serves at a time.
 */
public final class CudaSparseProducts {
  private static final int THREADS = 128;
  private static final int WARPS = THREADS / 32;

  private final CudaDevice device;

  /**
   * @param device must stay open as long as this is used
   */
  public CudaSparseProducts(CudaDevice device) {
    this.device = device;
  }

  /**
   * Sparse times dense: latents to what they decode to.
   *
   * @param dense [a.columns, width]
   * @return [a.rows, width]; a row without entries is +0
   * @throws IllegalArgumentException if the shapes do not fit
   * @throws CudaException if the GPU's memory does not suffice
   */
  public float[] multiply(CsrMatrix a, float[] dense, int width) {
    DenseMatrices.requireRows("dense", dense, a.columns(), width);
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            DeviceMemory offsets = memory.upload(a.offsets());
            DeviceMemory indices = memory.upload(a.indices());
            DeviceMemory values = memory.upload(a.values());
            DeviceMemory factor = memory.upload(dense);
            return multiply(memory, a.rows(), offsets, null, indices, values, factor, width);
          }
        });
  }

  /**
   * Sparse, transposed, times dense: the gradient of what latents decode with. Entries of a column
   * are added by ascending row, and within a row in their order.
   *
   * @param dense [a.rows, width]
   * @return [a.columns, width]; a row without entries is +0
   * @throws IllegalArgumentException if the shapes do not fit
   * @throws CudaException if the GPU's memory does not suffice
   */
  public float[] multiplyTransposed(CsrMatrix a, float[] dense, int width) {
    DenseMatrices.requireRows("dense", dense, a.rows(), width);
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            DeviceMemory rows = entryRows(memory, a);
            DeviceMemory values = memory.upload(a.values());
            DeviceMemory factor = memory.upload(dense);
            return multiplyTransposed(
                memory, a.columns(), rows, a.indices(), values, factor, width);
          }
        });
  }

  /**
   * As {@link #multiplyTransposed(CsrMatrix, float[], int)}, of coordinates: entries of a column
   * are added in the order in which they are given.
   *
   * @param dense [a.rows, width]
   * @return [a.columns, width]; a row without entries is +0
   * @throws IllegalArgumentException if the shapes do not fit
   * @throws CudaException if the GPU's memory does not suffice
   */
  public float[] multiplyTransposed(CooMatrix a, float[] dense, int width) {
    DenseMatrices.requireRows("dense", dense, a.rows(), width);
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            DeviceMemory rows = memory.upload(a.rowIndices());
            DeviceMemory values = memory.upload(a.values());
            DeviceMemory factor = memory.upload(dense);
            return multiplyTransposed(
                memory, a.columns(), rows, a.columnIndices(), values, factor, width);
          }
        });
  }

  /**
   * Dense times dense, transposed, only where {@code positions} has entries: the gradient of
   * latents.
   *
   * @param left [positions.rows, width]
   * @param right [positions.columns, width]
   * @param positions its values are not read
   * @return [positions.size], in the order of its entries
   * @throws IllegalArgumentException if the shapes do not fit
   * @throws CudaException if the GPU's memory does not suffice
   */
  public float[] multiplyAt(float[] left, float[] right, int width, CsrMatrix positions) {
    DenseMatrices.requireRows("left", left, positions.rows(), width);
    DenseMatrices.requireRows("right", right, positions.columns(), width);
    if (positions.size() == 0) {
      return new float[0];
    }
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            DeviceMemory out = memory.device(positions.size(), Float.BYTES);
            KernelArguments arguments =
                new KernelArguments(Kernel.DENSE_AT_POSITIONS)
                    .pointer(memory.upload(left))
                    .pointer(memory.upload(right))
                    .number(width)
                    .pointer(memory.upload(positions.offsets()))
                    .pointer(memory.upload(positions.indices()))
                    .pointer(out);
            device.launch(arguments, positions.rows(), THREADS, 0);
            return memory.floats(out, positions.size());
          }
        });
  }

  /** Sorts the entries by column; then those of a column are a row's. */
  private float[] multiplyTransposed(
      MemoryScope memory,
      int columnCount,
      DeviceMemory rows,
      int[] columns,
      DeviceMemory values,
      DeviceMemory dense,
      int width) {
    int entries = columns.length;
    EntrySort sort = new EntrySort(device, entries, memory);
    if (entries > 0) {
      memory.upload(columns, sort.keys());
      sort.sort(entries, columnCount);
    }
    DeviceMemory offsets = memory.device(columnCount + 1L, Integer.BYTES);
    KernelArguments bounds =
        new KernelArguments(Kernel.COO_BOUNDS)
            .pointer(sort.keys())
            .number(entries)
            .number(columnCount)
            .pointer(offsets);
    device.launch(bounds, entries / THREADS + 1, THREADS, 0);
    return multiply(memory, columnCount, offsets, sort.entries(), rows, values, dense, width);
  }

  /** i32 [a.size]: the row of each entry. */
  private DeviceMemory entryRows(MemoryScope memory, CsrMatrix a) {
    DeviceMemory rows = memory.device(a.size(), Integer.BYTES);
    if (a.rows() > 0) {
      KernelArguments arguments =
          new KernelArguments(Kernel.CSR_ROWS)
              .pointer(memory.upload(a.offsets()))
              .number(a.rows())
              .pointer(rows);
      device.launch(arguments, (a.rows() - 1) / WARPS + 1, THREADS, 0);
    }
    return rows;
  }

  private float[] multiply(
      MemoryScope memory,
      int rows,
      DeviceMemory offsets,
      @Nullable DeviceMemory order,
      DeviceMemory indices,
      DeviceMemory values,
      DeviceMemory dense,
      int width) {
    int size = Math.multiplyExact(rows, width);
    DeviceMemory out = memory.device(size, Float.BYTES);
    if (rows > 0) {
      KernelArguments arguments =
          new KernelArguments(Kernel.SPARSE_TIMES_DENSE)
              .pointer(offsets)
              .pointerOrNull(order)
              .pointer(indices)
              .pointer(values)
              .pointer(dense)
              .number(width)
              .pointer(out);
      device.launch(arguments, rows, THREADS, 0);
    }
    return memory.floats(out, size);
  }
}
