// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import java.nio.FloatBuffer;
import java.nio.ShortBuffer;

/**
 * A tensor in the engine's memory. Whoever made it closes it.
 *
 * <p>A script may return a tensor of any type, to be passed to the next script; only float32,
 * bfloat16 and int64 values can be read here. Every method but {@link #close} throws
 * IllegalStateException after the tensor or its engine was closed.
 */
public interface Tensor extends AutoCloseable {
  /** The sizes of its dimensions, outermost first; empty for a scalar. */
  long[] shape();

  /**
   * A read-only view of all values of a float32 tensor, row-major, without a copy when the tensor
   * is contiguous and not on a GPU. Reading it after {@link #close} reads freed memory.
   *
   * @throws IllegalStateException if the tensor is not float32, or has more than 2^31 - 1 bytes
   */
  FloatBuffer floats();

  /**
   * As {@link #floats}, for a bfloat16 tensor: each value is the upper half of the bits of a
   * float32.
   *
   * @throws IllegalStateException if the tensor is not bfloat16, is on a GPU, or has more than 2^31
   *     - 1 bytes
   */
  ShortBuffer bfloat16s();

  /**
   * Copies all values, row-major, out of a float32 tensor.
   *
   * @param destination as long as the tensor has values
   * @throws IllegalArgumentException if the destination has another length
   */
  void copyTo(float[] destination);

  /**
   * Copies all values, row-major, out of an int64 tensor.
   *
   * @param destination as long as the tensor has values
   * @throws IllegalArgumentException if the destination has another length
   */
  void copyTo(long[] destination);

  @Override
  void close();
}
