// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

/** A call of the CUDA driver failed; the device can still be used. */
public class CudaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int code;

  CudaException(int code, String message) {
    super(message);
    this.code = code;
  }

  /** The driver's CUresult. */
  public int code() {
    return code;
  }
}
