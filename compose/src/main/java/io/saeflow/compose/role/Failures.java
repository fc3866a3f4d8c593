// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.kernels.cuda.CudaException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Brings what failed on another thread to this one. */
public final class Failures {
  private Failures() {}

  /**
   * Throws what {@code future} failed with; does nothing if it has not. What a GPU failed with is
   * thrown itself, not what Kafka Streams says of it.
   */
  public static void throwIfFailed(CompletableFuture<?> future) throws Exception {
    if (!future.isCompletedExceptionally()) {
      return;
    }
    try {
      future.get();
    } catch (ExecutionException e) {
      for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
        if (cause instanceof CudaException failure) {
          throw failure;
        }
      }
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    }
  }
}
