// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.cuda.CudaDevice;
import io.saeflow.kernels.cuda.CudaDeviceInfo;
import io.saeflow.kernels.cuda.CudaException;
import io.saeflow.kernels.cuda.ProbeResult;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * What was made of the device that was asked for.
 *
 * @param gpu empty for the processor
 * @param description which it is and, where that was left open, why, in one line
 */
record ChosenDevice(Optional<CudaDeviceInfo> gpu, String description) {

  /**
   * Chooses by what is found; {@code auto} takes the first GPU that can be used.
   *
   * @param probe tries the GPU of an ordinal out
   * @throws DeviceUnavailableException if it is a GPU that cannot be used
   */
  static ChosenDevice of(Device device, IntFunction<ProbeResult> probe) {
    if (device instanceof Device.Cpu) {
      return new ChosenDevice(Optional.empty(), "cpu");
    }
    if (device instanceof Device.Cuda cuda) {
      ProbeResult found = probe.apply(cuda.ordinal());
      if (!found.isReady()) {
        throw new DeviceUnavailableException("device: %s: %s".formatted(cuda, found.describe()));
      }
      return onGpu(found, cuda.ordinal());
    }
    ProbeResult first = probe.apply(0);
    for (int ordinal = 0; ordinal < first.devices().size(); ordinal++) {
      ProbeResult found = ordinal == 0 ? first : probe.apply(ordinal);
      if (found.isReady()) {
        return onGpu(found, ordinal);
      }
    }
    return new ChosenDevice(Optional.empty(), "cpu: " + first.describe());
  }

  /**
   * Opens the GPU, of which there is one.
   *
   * @param asked for, to be named in the message
   * @throws DeviceUnavailableException if it fails after all
   */
  CudaDevice openGpu(Device asked) {
    try {
      return CudaDevice.open(gpu.orElseThrow());
    } catch (CudaException e) {
      throw new DeviceUnavailableException("device: %s: %s".formatted(asked, e.getMessage()));
    }
  }

  private static ChosenDevice onGpu(ProbeResult found, int ordinal) {
    return new ChosenDevice(Optional.of(found.devices().get(ordinal)), found.detail());
  }
}
