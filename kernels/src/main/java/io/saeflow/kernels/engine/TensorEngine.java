// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

/**
 * Makes tensors and scripts on one device. Safe for use by several threads; the tensors it makes
 * are not.
 */
public interface TensorEngine extends AutoCloseable {
  /**
   * A float32 tensor with a copy of {@code values}.
   *
   * @param shape its product is the number of values
   */
  Tensor floats(float[] values, long... shape);

  /** An int64 tensor with a copy of {@code values}. */
  Tensor longs(long[] values, long... shape);

  /**
   * Loads TorchScript methods. Each is written as a method of a class {@code Script}, indented by
   * two spaces: {@code def linear(self: __torch__.Script, x: Tensor, w: Tensor) -> Tensor: ...}
   *
   * @throws IllegalArgumentException if the source does not compile; the message has the line
   */
  Script script(String methods);

  @Override
  void close();
}
