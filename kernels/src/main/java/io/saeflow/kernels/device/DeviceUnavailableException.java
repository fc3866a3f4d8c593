// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

/** The device that was asked for cannot be used; the message says why, on one line. */
public final class DeviceUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DeviceUnavailableException(String message) {
    super(message);
  }
}
