// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * A GPU in use: its context, one stream, the kernels, and the one platform thread that makes every
 * call, as a context belongs to a thread. Any thread may hand it work with {@link #call}; all other
 * methods are for that work.
 *
 * <p>What is put on the stream is done in order, some time before {@link #synchronize} returns.
 */
public final class CudaDevice implements AutoCloseable {
  /** What a launch may have without asking for it. */
  private static final int COMMON_SHARED_BYTES = 48 << 10;

  private final CudaDeviceInfo info;
  private final ExecutorService executor;
  private final CUdevice device = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final CUstream stream = new CUstream();
  private @Nullable Thread thread;
  private @Nullable CudaModule module;
  private final AtomicInteger liveAllocations = new AtomicInteger();
  private volatile boolean lost;

  private CudaDevice(CudaDeviceInfo info) {
    this.info = info;
    this.executor =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread made = new Thread(task, "cuda-" + info.ordinal());
              made.setDaemon(true);
              return made;
            });
  }

  /**
   * Opens a GPU that {@link CudaProbe#probe()} found.
   *
   * @throws CudaException if it is occupied, or the kernels do not load
   */
  public static CudaDevice open(CudaDeviceInfo info) {
    CudaDevice opened = new CudaDevice(info);
    try {
      opened.call(opened::start);
    } catch (CudaException e) {
      opened.executor.shutdown();
      throw e;
    }
    return opened;
  }

  public CudaDeviceInfo info() {
    return info;
  }

  /**
   * Runs work on the device's thread and waits for it, also when interrupted: the work may use what
   * the caller owns. The interrupt is kept.
   */
  public <T extends @Nullable Object> T call(Callable<T> work) {
    if (Thread.currentThread() == thread) {
      throw new IllegalStateException("call: on the device's thread (expected: another)");
    }
    Future<T> result = executor.submit(work);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return result.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw rethrown(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** How much memory, of the device or pinned, is allocated and not closed: how many pieces. */
  public int liveAllocations() {
    return liveAllocations.get();
  }

  /**
   * Gives the device back.
   *
   * @throws IllegalStateException if memory on it is still open, unless the device is lost
   */
  @Override
  public void close() {
    if (executor.isShutdown()) {
      return;
    }
    try {
      call(this::stop);
    } finally {
      executor.shutdown();
    }
    if (liveAllocations() > 0 && !lost) {
      throw new IllegalStateException(
          "open memory on cuda:%d: %d pieces (expected: none when it is closed)"
              .formatted(info.ordinal(), liveAllocations()));
    }
  }

  /** Which image of the kernels the driver took. */
  String imageName() {
    return module().imageName();
  }

  /**
   * Puts a copy of the first {@code bytes} on the stream. The source must not change until done.
   */
  void copy(PinnedMemory from, DeviceMemory to, long bytes) {
    copy(from, to, 0, bytes);
  }

  /** As the other copy, to {@code toByte} and what follows. */
  void copy(PinnedMemory from, DeviceMemory to, long toByte, long bytes) {
    requireItsThread();
    requireWithin(toByte, to.bytes());
    requireWithin(bytes, Math.min(from.bytes(), to.bytes() - toByte));
    CUdeviceptr target = to.pointer().withByteOffset(toByte);
    check(
        JCudaDriver.cuMemcpyHtoDAsync(target, from.pointer(), bytes, stream),
        "copying to the device");
  }

  /** Puts a copy of the first {@code bytes} on the stream; it is there after synchronize. */
  void copy(DeviceMemory from, PinnedMemory to, long bytes) {
    copy(from, 0, to, bytes);
  }

  /** As the other copy, of {@code fromByte} and what follows. */
  void copy(DeviceMemory from, long fromByte, PinnedMemory to, long bytes) {
    requireItsThread();
    requireWithin(fromByte, from.bytes());
    requireWithin(bytes, Math.min(from.bytes() - fromByte, to.bytes()));
    CUdeviceptr source = from.pointer().withByteOffset(fromByte);
    check(
        JCudaDriver.cuMemcpyDtoHAsync(to.pointer(), source, bytes, stream),
        "copying from the device");
  }

  /** Puts the filling of the first {@code bytes} on the stream. */
  void fill(DeviceMemory memory, byte value, long bytes) {
    requireItsThread();
    requireWithin(bytes, memory.bytes());
    check(
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
    requireItsThread();
    Kernel kernel = arguments.kernel();
    String what = "launching " + kernel.entry();
    if (sharedBytes > COMMON_SHARED_BYTES) {
      check(
          JCudaDriver.cuFuncSetAttribute(
              module().function(kernel),
              CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              sharedBytes),
          what);
    }
    check(
        JCudaDriver.cuLaunchKernel(
            module().function(kernel),
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
    requireItsThread();
    check(JCudaDriver.cuStreamSynchronize(stream), "running kernels on cuda:" + info.ordinal());
  }

  void requireItsThread() {
    if (Thread.currentThread() != thread) {
      throw new IllegalStateException(
          "thread: %s (expected: that of cuda:%d)"
              .formatted(Thread.currentThread().getName(), info.ordinal()));
    }
  }

  void allocated() {
    liveAllocations.incrementAndGet();
  }

  void freed() {
    liveAllocations.decrementAndGet();
  }

  /** Nothing can be freed on a lost device, and its process ends anyway. */
  void checkUnlessLost(int code, String what) {
    if (!lost) {
      check(code, what);
    }
  }

  private void check(int code, String what) {
    try {
      CudaDriver.check(code, what);
    } catch (CudaFatalException e) {
      lost = true;
      throw e;
    }
  }

  private @Nullable Void start() {
    thread = Thread.currentThread();
    String what = "opening cuda:" + info.ordinal();
    check(JCudaDriver.cuDeviceGet(device, info.ordinal()), what);
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device), what);
    try {
      check(JCudaDriver.cuCtxSetCurrent(context), what);
      module = CudaModule.load(info.capability());
      check(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), what);
    } catch (CudaException e) {
      JCudaDriver.cuDevicePrimaryCtxRelease(device);
      throw e;
    }
    return null;
  }

  private @Nullable Void stop() {
    if (!lost) {
      check(JCudaDriver.cuStreamDestroy(stream), "closing the stream");
      module().close();
      check(JCudaDriver.cuDevicePrimaryCtxRelease(device), "closing cuda:" + info.ordinal());
    }
    return null;
  }

  private CudaModule module() {
    if (module == null) {
      throw new IllegalStateException("cuda:%d: not open".formatted(info.ordinal()));
    }
    return module;
  }

  private static void requireWithin(long bytes, long most) {
    if (bytes < 0 || bytes > most) {
      throw new IllegalArgumentException("bytes: %d (expected: at most %d)".formatted(bytes, most));
    }
  }

  private static RuntimeException rethrown(@Nullable Throwable cause) {
    if (cause instanceof Error error) {
      throw error;
    }
    if (cause instanceof RuntimeException exception) {
      return exception;
    }
    return new IllegalStateException(cause);
  }
}
