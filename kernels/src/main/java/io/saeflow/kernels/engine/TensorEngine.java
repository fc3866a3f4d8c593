// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import java.nio.FloatBuffer;

/**
 * Makes tensors and scripts on one device. Safe for use by several threads; the tensors it makes
 * are not.
 */
public interface TensorEngine extends AutoCloseable {
  /**
   * A float32 tensor with a copy of {@code values}.
   *
   * @param shape its product is the number of values, at most 2^31 - 1 bytes
   * @throws IllegalArgumentException if the shape does not fit
   */
  default Tensor floats(float[] values, long... shape) {
    return floats(FloatBuffer.wrap(values), shape);
  }

  /**
   * A float32 tensor with a copy of the buffer's remaining values; the buffer's position stays.
   *
   * @param values on the heap or direct, such as a view of a mapped file; of either byte order
   * @param shape its product is the number of values, at most 2^31 - 1 bytes
   * @throws IllegalArgumentException if the shape does not fit
   */
  Tensor floats(FloatBuffer values, long... shape);

  /**
   * An int64 tensor with a copy of {@code values}.
   *
   * @param shape its product is the number of values, at most 2^31 - 1 bytes
   * @throws IllegalArgumentException if the shape does not fit
   */
  Tensor longs(long[] values, long... shape);

  /**
   * Loads TorchScript methods. Each is written as a method of a class {@code Script}, indented by
   * two spaces: {@code def linear(self: __torch__.Script, x: Tensor, w: Tensor) -> Tensor: ...}
   *
   * @throws IllegalArgumentException if the source does not compile; the message has the line
   */
  Script script(String methods);

  /** How many threads one operation may use, at least 1. */
  int threads();

  /** Frees what is still open: tensors and scripts. */
  @Override
  void close();
}
