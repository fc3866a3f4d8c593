// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Memory that is opened piece by piece and closed at once, with the streams that use it; on the
 * device's thread.
 */
final class MemoryScope implements AutoCloseable {
  private final CudaDevice device;
  private final Deque<DeviceStream> streams = new ArrayDeque<>();
  private final Deque<DeviceMemory> onDevice = new ArrayDeque<>();
  private final Deque<PinnedMemory> onHost = new ArrayDeque<>();

  MemoryScope(CudaDevice device) {
    this.device = device;
  }

  /** Memory for {@code count} values of so many bytes each; an empty array has an address too. */
  DeviceMemory device(long count, int bytes) {
    DeviceMemory memory = new DeviceMemory(device, Math.max(1, Math.multiplyExact(count, bytes)));
    onDevice.push(memory);
    return memory;
  }

  /** As {@link #device}, of the host. */
  PinnedMemory pinned(long count, int bytes) {
    long size = Math.max(1, Math.multiplyExact(count, bytes));
    PinnedMemory memory = new PinnedMemory(device, Math.toIntExact(size));
    onHost.push(memory);
    return memory;
  }

  /** A stream, which is done with its work before any memory is closed. */
  DeviceStream stream() {
    DeviceStream stream = new DeviceStream(device);
    streams.push(stream);
    return stream;
  }

  /** Memory of the device with these values, which are there when this returns. */
  DeviceMemory upload(float[] values) {
    DeviceMemory memory = device(values.length, Float.BYTES);
    try (MemoryScope passing = new MemoryScope(device)) {
      PinnedMemory host = passing.pinned(values.length, Float.BYTES);
      host.buffer().asFloatBuffer().put(values);
      device.copy(host, memory, host.bytes());
      device.synchronize();
    }
    return memory;
  }

  @Override
  public void close() {
    while (!streams.isEmpty()) {
      streams.pop().close();
    }
    while (!onDevice.isEmpty()) {
      onDevice.pop().close();
    }
    while (!onHost.isEmpty()) {
      onHost.pop().close();
    }
  }
}
