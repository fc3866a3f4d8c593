// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/**
 * Memory of a GPU; its contents are undefined at first. Opened, used and closed on the device's
 * thread. Closing it waits for the work that was launched before.
 */
final class DeviceMemory implements AutoCloseable {
  private final CudaDevice device;
  private final long bytes;
  private final CUdeviceptr pointer = new CUdeviceptr();
  private boolean closed;

  DeviceMemory(CudaDevice device, long bytes) {
    this.device = device;
    this.bytes = bytes;
    device.requireItsThread();
    device.check(
        JCudaDriver.cuMemAlloc(pointer, bytes),
        "%d bytes of memory of cuda:%d".formatted(bytes, device.info().ordinal()));
    device.allocated();
  }

  long bytes() {
    return bytes;
  }

  /** Where it begins. */
  CUdeviceptr pointer() {
    if (closed) {
      throw new IllegalStateException("device memory: closed (expected: open)");
    }
    return pointer;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    device.requireItsThread();
    closed = true;
    device.freed();
    device.checkUnlessLost(JCudaDriver.cuMemFree(pointer), "freeing device memory");
  }
}
