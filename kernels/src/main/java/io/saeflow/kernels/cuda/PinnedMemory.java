// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/**
 * Memory of the host that stays where it is, so that the GPU copies from and to it by itself.
 * Opened and closed on the device's thread; no buffer over it may be touched after that.
 */
final class PinnedMemory implements AutoCloseable {
  private final CudaDevice device;
  private final int bytes;
  private final Pointer pointer = new Pointer();
  private final ByteBuffer buffer;
  private boolean closed;

  PinnedMemory(CudaDevice device, int bytes) {
    this.device = device;
    this.bytes = bytes;
    device.requireItsThread();
    device.check(
        JCudaDriver.cuMemHostAlloc(pointer, bytes, 0),
        "%d bytes of pinned memory".formatted(bytes));
    this.buffer = pointer.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
    device.allocated();
  }

  int bytes() {
    return bytes;
  }

  /** All of it, in the machine's byte order, with a position of its own. */
  ByteBuffer buffer() {
    requireOpen();
    return buffer.duplicate().order(ByteOrder.nativeOrder());
  }

  Pointer pointer() {
    requireOpen();
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
    device.checkUnlessLost(JCudaDriver.cuMemFreeHost(pointer), "freeing pinned memory");
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("pinned memory: closed (expected: open)");
    }
  }
}
