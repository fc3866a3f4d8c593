// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

/** A tensor in the engine's memory. Whoever made it closes it. */
public interface Tensor extends AutoCloseable {
  long[] shape();

  /** Copies all values, row-major, out of a float32 tensor. */
  void copyTo(float[] destination);

  @Override
  void close();
}
