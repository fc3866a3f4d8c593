// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Function;

/**
 * Memory that is opened piece by piece and closed at once, with the streams that use it; on the
 * device's thread.
 */
final class MemoryScope implements AutoCloseable {
  /** So many values travel at a time: up to 16 MiB. */
  private static final int PIECE_VALUES = 1 << 22;

  private final CudaDevice device;
  private final Deque<DeviceStream> streams = new ArrayDeque<>();
  private final Deque<DeviceMemory> onDevice = new ArrayDeque<>();
  private final Deque<PinnedMemory> onHost = new ArrayDeque<>();

  MemoryScope(CudaDevice device) {
    this.device = device;
  }

  /** What is made with a scope of its own, which is closed if that fails. */
  static <T> T with(CudaDevice device, Function<MemoryScope, T> maker) {
    MemoryScope memory = new MemoryScope(device);
    try {
      return maker.apply(memory);
    } catch (RuntimeException e) {
      memory.close();
      throw e;
    }
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
    Filling filling = (buffer, from, count) -> buffer.asFloatBuffer().put(values, from, count);
    upload(values.length, Float.BYTES, filling, memory);
    return memory;
  }

  /** As the other. */
  DeviceMemory upload(int[] values) {
    DeviceMemory memory = device(values.length, Integer.BYTES);
    upload(values, memory);
    return memory;
  }

  /** As the other. */
  DeviceMemory upload(short[] values) {
    DeviceMemory memory = device(values.length, Short.BYTES);
    Filling filling = (buffer, from, count) -> buffer.asShortBuffer().put(values, from, count);
    upload(values.length, Short.BYTES, filling, memory);
    return memory;
  }

  /** Writes values to where memory begins; they are there when this returns. */
  void upload(int[] values, DeviceMemory to) {
    Filling filling = (buffer, from, count) -> buffer.asIntBuffer().put(values, from, count);
    upload(values.length, Integer.BYTES, filling, to);
  }

  /** The {@code count} values that memory begins with once the stream is done. */
  float[] floats(DeviceMemory from, int count) {
    float[] values = new float[count];
    try (MemoryScope passing = new MemoryScope(device)) {
      PinnedMemory host = passing.pinned(count, Float.BYTES);
      device.copy(from, host, (long) count * Float.BYTES);
      device.synchronize();
      host.buffer().asFloatBuffer().get(values);
    }
    return values;
  }

  /** As the other. */
  double[] doubles(DeviceMemory from, int count) {
    double[] values = new double[count];
    try (MemoryScope passing = new MemoryScope(device)) {
      PinnedMemory host = passing.pinned(count, Double.BYTES);
      device.copy(from, host, (long) count * Double.BYTES);
      device.synchronize();
      host.buffer().asDoubleBuffer().get(values);
    }
    return values;
  }

  private void upload(int length, int bytes, Filling filling, DeviceMemory to) {
    try (MemoryScope passing = new MemoryScope(device)) {
      PinnedMemory piece = passing.pinned(Math.min(length, PIECE_VALUES), bytes);
      int sent = 0;
      while (sent < length) {
        int count = Math.min(PIECE_VALUES, length - sent);
        filling.fill(piece.buffer(), sent, count);
        device.copy(piece, to, (long) sent * bytes, (long) count * bytes);
        device.synchronize();
        sent += count;
      }
    }
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

  /** Puts {@code count} values of an array, from {@code from}, into an empty buffer. */
  private interface Filling {
    void fill(ByteBuffer buffer, int from, int count);
  }
}
