// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import java.util.List;
import java.util.Set;

/** Named tensors, read one at a time. Not safe for use by several threads. */
public interface TensorFile extends AutoCloseable {
  /** The tensors' names. */
  Set<String> names();

  /**
   * The shape of tensor {@code name}.
   *
   * @throws TensorFileException if there is no such tensor
   */
  List<Long> shape(String name) throws TensorFileException;

  /**
   * The values of tensor {@code name}, row-major, widened to float32. float32, float16, bfloat16
   * and float64 are read; float64 is rounded to nearest.
   *
   * @throws TensorFileException if there is no such tensor, it is of another dtype, or it has more
   *     values than an array can hold
   */
  float[] floats(String name) throws TensorFileException;

  @Override
  void close();
}
