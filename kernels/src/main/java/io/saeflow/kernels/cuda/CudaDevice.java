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
import jcuda.driver.CUfunction;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * A GPU in use: its context, the kernels, and the one platform thread that makes every call, as a
 * context belongs to a thread. Any thread may hand it work with {@link #call}; all other methods
 * are for that work.
 *
 * <p>It has a stream of its own for whatever needs none beside others.
 */
public final class CudaDevice implements AutoCloseable {
  private final CudaDeviceInfo info;
  private final ExecutorService executor;
  private final CUdevice device = new CUdevice();
  private final CUcontext context = new CUcontext();
  private @Nullable Thread thread;
  private @Nullable CudaModule module;
  private @Nullable DeviceStream stream;
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

  /** As {@link #call}, of work without a result. */
  public void run(Runnable work) {
    call(Executors.callable(work));
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

  /** {@link DeviceStream#copy(PinnedMemory, DeviceMemory, long)} on the device's own stream. */
  void copy(PinnedMemory from, DeviceMemory to, long bytes) {
    stream().copy(from, to, bytes);
  }

  /** {@link DeviceStream#copy(PinnedMemory, DeviceMemory, long, long)}, likewise. */
  void copy(PinnedMemory from, DeviceMemory to, long toByte, long bytes) {
    stream().copy(from, to, toByte, bytes);
  }

  /** {@link DeviceStream#copy(DeviceMemory, PinnedMemory, long)}, likewise. */
  void copy(DeviceMemory from, PinnedMemory to, long bytes) {
    stream().copy(from, to, bytes);
  }

  /** {@link DeviceStream#copy(DeviceMemory, long, PinnedMemory, long)}, likewise. */
  void copy(DeviceMemory from, long fromByte, PinnedMemory to, long bytes) {
    stream().copy(from, fromByte, to, bytes);
  }

  /** {@link DeviceStream#fill}, likewise. */
  void fill(DeviceMemory memory, byte value, long bytes) {
    stream().fill(memory, value, bytes);
  }

  /** {@link DeviceStream#launch(KernelArguments, int, int, int)}, likewise. */
  void launch(KernelArguments arguments, int grid, int threads, int sharedBytes) {
    stream().launch(arguments, grid, threads, sharedBytes);
  }

  /** {@link DeviceStream#launch(KernelArguments, int, int, int, int)}, likewise. */
  void launch(KernelArguments arguments, int gridX, int gridY, int threads, int sharedBytes) {
    stream().launch(arguments, gridX, gridY, threads, sharedBytes);
  }

  /** {@link DeviceStream#synchronize}, likewise. */
  void synchronize() {
    stream().synchronize();
  }

  CUfunction function(Kernel kernel) {
    return module().function(kernel);
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

  /** As {@link CudaDriver#check}, and remembers a device that is lost. */
  void check(int code, String what) {
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
      stream = new DeviceStream(this);
    } catch (CudaException e) {
      JCudaDriver.cuDevicePrimaryCtxRelease(device);
      throw e;
    }
    return null;
  }

  private @Nullable Void stop() {
    if (!lost) {
      stream().close();
      module().close();
      check(JCudaDriver.cuDevicePrimaryCtxRelease(device), "closing cuda:" + info.ordinal());
    }
    return null;
  }

  private CudaModule module() {
    return opened(module);
  }

  private DeviceStream stream() {
    return opened(stream);
  }

  private <T> T opened(@Nullable T part) {
    if (part == null) {
      throw new IllegalStateException("cuda:%d: not open".formatted(info.ordinal()));
    }
    return part;
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
