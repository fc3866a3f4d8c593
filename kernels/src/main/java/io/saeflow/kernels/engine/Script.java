// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import java.util.List;

/** Compiled TorchScript methods. Safe for use by several threads. */
public interface Script extends AutoCloseable {
  /**
   * Calls a method.
   *
   * @param arguments each a {@link Tensor}, a {@code List<Tensor>}, a {@code long}, a {@code
   *     double} or a {@code boolean}; not retained
   * @return its results, one for a method that returns a tensor; the caller closes them
   * @throws IllegalArgumentException if an argument is of another kind
   */
  List<Tensor> call(String method, Object... arguments);

  @Override
  void close();
}
