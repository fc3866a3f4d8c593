// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import java.util.List;

/** Compiled TorchScript methods. Safe for use by several threads. */
public interface Script extends AutoCloseable {
  /**
   * Calls a method.
   *
   * @param arguments each a {@link Tensor}, a {@code List<Tensor>}, a {@code Long} or {@code
   *     Integer}, a {@code Double} or a {@code Boolean}; not retained
   * @return its results, one for a method that returns a tensor, in order for one that returns a
   *     tuple or a list of tensors; the caller closes them
   * @throws IllegalArgumentException if an argument is of another kind
   * @throws IllegalStateException if the method fails, with TorchScript's message, or if the script
   *     or an argument is closed
   */
  List<Tensor> call(String method, Object... arguments);

  @Override
  void close();
}
