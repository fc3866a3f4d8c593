// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

/**
 * A GPU that the driver names.
 *
 * @param ordinal its number in this process, from 0; CUDA_VISIBLE_DEVICES changes it
 * @param totalBytes of its memory
 */
public record CudaDeviceInfo(
    int ordinal, String name, ComputeCapability capability, long totalBytes) {

  /** Whether there are kernels for it. */
  public boolean isSupported() {
    return capability.compareTo(ComputeCapability.OLDEST) >= 0;
  }

  @Override
  public String toString() {
    return "cuda:%d %s, compute capability %s, %d MiB"
        .formatted(ordinal, name, capability, totalBytes >> 20);
  }
}
