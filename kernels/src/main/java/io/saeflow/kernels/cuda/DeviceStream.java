// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * Work for a GPU. What is put on one stream is done in order, some time before {@link #synchronize}
 * returns; work on several streams is done at the same time or in any order. Opened, used and
 * closed on the device's thread.
 */
final class DeviceStream implements AutoCloseable {
  /** What a launch may have without asking for it. */
  private static final int COMMON_SHARED_BYTES = 48 << 10;

  private final CudaDevice device;
  private final CUstream stream = new CUstream();
  private boolean closed;

  DeviceStream(CudaDevice device) {
    this.device = device;
    device.requireItsThread();
    device.check(
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING),
        "opening a stream of cuda:" + device.info().ordinal());
  }

  /**
   * Puts a copy of the first {@code bytes} on the stream. The source must not change until done.
   */
  void copy(PinnedMemory from, DeviceMemory to, long bytes) {
    copy(from, to, 0, bytes);
  }

  /** As the other copy, to {@code toByte} and what follows. */
  void copy(PinnedMemory from, DeviceMemory to, long toByte, long bytes) {
    device.requireItsThread();
    requireWithin(toByte, to.bytes());
    requireWithin(bytes, Math.min(from.bytes(), to.bytes() - toByte));
    CUdeviceptr target = to.pointer().withByteOffset(toByte);
    device.check(
        JCudaDriver.cuMemcpyHtoDAsync(target, from.pointer(), bytes, stream),
        "copying to the device");
  }

  /** Puts a copy of the first {@code bytes} on the stream; it is there after synchronize. */
  void copy(DeviceMemory from, PinnedMemory to, long bytes) {
    copy(from, 0, to, bytes);
  }

  /** As the other copy, of {@code fromByte} and what follows. */
  void copy(DeviceMemory from, long fromByte, PinnedMemory to, long bytes) {
    device.requireItsThread();
    requireWithin(fromByte, from.bytes());
    requireWithin(bytes, Math.min(from.bytes() - fromByte, to.bytes()));
    CUdeviceptr source = from.pointer().withByteOffset(fromByte);
    device.check(
        JCudaDriver.cuMemcpyDtoHAsync(to.pointer(), source, bytes, stream),
        "copying from the device");
  }

  /** Puts the filling of the first {@code bytes} on the stream. */
  void fill(DeviceMemory memory, byte value, long bytes) {
    device.requireItsThread();
    requireWithin(bytes, memory.bytes());
    device.check(
        JCudaDriver.cuMemsetD8Async(memory.pointer(), value, bytes, stream),
        "filling device memory");
  }

  /**
   * Puts a launch on the stream. The arguments may be changed as soon as this returns.
   *
   * @param grid blocks, numbered in x
   * @param threads of each block, a multiple of 32
   * @param sharedBytes of dynamic shared memory for each block
   */
  void launch(KernelArguments arguments, int grid, int threads, int sharedBytes) {
    launch(arguments, grid, 1, threads, sharedBytes);
  }

  /** As the other launch, with {@code gridX} times {@code gridY} blocks. */
  void launch(KernelArguments arguments, int gridX, int gridY, int threads, int sharedBytes) {
    device.requireItsThread();
    Kernel kernel = arguments.kernel();
    String what = "launching " + kernel.entry();
    if (sharedBytes > COMMON_SHARED_BYTES) {
      device.check(
          JCudaDriver.cuFuncSetAttribute(
              device.function(kernel),
              CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              sharedBytes),
          what);
    }
    device.check(
        JCudaDriver.cuLaunchKernel(
            device.function(kernel),
            gridX,
            gridY,
            1,
            threads,
            1,
            1,
            sharedBytes,
            stream,
            arguments.parameters(),
            null),
        what);
  }

  /**
   * Waits until all that was put on the stream is done.
   *
   * @throws CudaFatalException if a kernel failed
   */
  void synchronize() {
    device.requireItsThread();
    device.check(
        JCudaDriver.cuStreamSynchronize(stream),
        "running kernels on cuda:" + device.info().ordinal());
  }

  /** Waits for what is on it: the driver would not, and the memory it uses may be freed next. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    device.requireItsThread();
    closed = true;
    device.checkUnlessLost(JCudaDriver.cuStreamSynchronize(stream), "finishing a stream");
    device.checkUnlessLost(JCudaDriver.cuStreamDestroy(stream), "closing a stream");
  }

  private static void requireWithin(long bytes, long most) {
    if (bytes < 0 || bytes > most) {
      throw new IllegalArgumentException("bytes: %d (expected: at most %d)".formatted(bytes, most));
    }
  }
}
