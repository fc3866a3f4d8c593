// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.util.Set;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * What to make of a driver call's result.
 *
 * <p>Calls themselves go straight to {@link JCudaDriver}, and only to the functions that the
 * architecture test lists: calling one that a driver does not have ends the process.
 */
final class CudaDriver {
  /** After these the context is corrupted, as the driver's documentation says of each. */
  private static final Set<Integer> FATAL =
      Set.of(
          CUresult.CUDA_ERROR_DEINITIALIZED,
          CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
          CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
          CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_LAUNCH_FAILED,
          CUresult.CUDA_ERROR_UNKNOWN);

  private CudaDriver() {}

  /**
   * Passes if the call succeeded.
   *
   * @param what what was done, to begin the message with
   * @throws CudaFatalException if the device is lost
   * @throws CudaException if the call failed otherwise
   */
  static void check(int code, String what) {
    if (code == CUresult.CUDA_SUCCESS) {
      return;
    }
    String message = "%s: %s".formatted(what, describe(code));
    throw FATAL.contains(code)
        ? new CudaFatalException(code, message)
        : new CudaException(code, message);
  }

  /** A result in the driver's own words, such as {@code CUDA_ERROR_NO_DEVICE (100)}. */
  static String describe(int code) {
    String[] name = new String[1];
    boolean named = JCudaDriver.cuGetErrorName(code, name) == CUresult.CUDA_SUCCESS;
    return "%s (%d)".formatted(named && name[0] != null ? name[0] : "CUDA error", code);
  }
}
