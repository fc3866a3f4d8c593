// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

/**
 * The device is lost to this process: every later call on it fails as well, and only a new process
 * can use it again. Whoever catches this must stop the process.
 */
public final class CudaFatalException extends CudaException {
  private static final long serialVersionUID = 1L;

  CudaFatalException(int code, String message) {
    super(code, message);
  }
}
