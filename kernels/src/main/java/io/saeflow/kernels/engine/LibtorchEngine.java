// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.engine.StandardCapabilities;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * libtorch on the CPU or on a GPU.
 *
 * <p>The native libraries come from the class path; nothing is downloaded. The first engine on a
 * machine unpacks them, about 450 MB, into the directory that {@code DJL_CACHE_DIR} names. They
 * have no CUDA: for a GPU, {@code PYTORCH_LIBRARY_PATH} names the folder of others of the same
 * version, and {@code PYTORCH_FLAVOR} says which.
 */
public final class LibtorchEngine implements TensorEngine {
  /** All tensors are its, wherever their values are. */
  private final PtNDManager memory;

  /** What tensors belong to until they are where they are to be. */
  private final PtNDManager passage;

  private final Device device;
  private final int threads;

  private LibtorchEngine(Engine engine, Device device, int threads) {
    this.memory = (PtNDManager) engine.newBaseManager(Device.cpu());
    // DJL makes a manager, and keeps it, for each array that goes to another device than its
    // manager's.
    this.passage = device.isGpu() ? memory.newSubManager(device) : memory;
    this.device = device;
    this.threads = threads;
  }

  /**
   * Opens an engine of its own, on the CPU.
   *
   * @param threads that one operation may use, at least 1
   * @throws IllegalStateException if the native libraries cannot be loaded
   */
  public static LibtorchEngine open(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads: %d (expected: >= 1)".formatted(threads));
    }
    return new LibtorchEngine(libtorch(), Device.cpu(), threads);
  }

  /**
   * Opens an engine of its own, whose tensors are on a GPU. What is read of them is copied. Results
   * are not those of the CPU to the bit, and bfloat16 tensors cannot be read.
   *
   * @param ordinal of the GPU, from 0
   * @throws IllegalStateException if the native libraries cannot be loaded or cannot use this GPU;
   *     the message is one line
   */
  public static LibtorchEngine openOnGpu(int ordinal) {
    Engine engine = libtorch();
    if (!engine.hasCapability(StandardCapabilities.CUDA)) {
      throw new IllegalStateException(
          "libtorch %s: no CUDA or no GPU (expected: a GPU, the folder of a libtorch of this version with CUDA in PYTORCH_LIBRARY_PATH, and cu128 in PYTORCH_FLAVOR)"
              .formatted(engine.getVersion()));
    }
    LibtorchEngine opened = new LibtorchEngine(engine, Device.gpu(ordinal), 1);
    boolean works = false;
    try (Tensor there = opened.floats(new float[] {1}, 1)) {
      there.copyTo(new float[1]);
      works = true;
      return opened;
    } catch (EngineException e) {
      throw new IllegalStateException(
          "libtorch: cuda:%d: %s".formatted(ordinal, innermostMessage(e)), e);
    } finally {
      if (!works) {
        opened.close();
      }
    }
  }

  private static Engine libtorch() {
    setUnlessPresent("ai.djl.offline");
    setUnlessPresent("OPT_OUT_TRACKING");
    try {
      return Engine.getEngine("PyTorch");
    } catch (EngineException | LinkageError e) {
      throw new IllegalStateException(
          "libtorch: cannot be loaded: %s (expected: the jars pytorch-jni and pytorch-native-cpu of this platform, %s-%s, on the class path)"
              .formatted(
                  innermostMessage(e),
                  System.getProperty("os.name"),
                  System.getProperty("os.arch")),
          e);
    }
  }

  @Override
  public Tensor floats(FloatBuffer values, long... shape) {
    PtNDArray array = allocate(DataType.FLOAT32, values.remaining(), shape);
    bytes(array).asFloatBuffer().put(values.duplicate());
    return new LibtorchTensor(toDevice(array));
  }

  @Override
  public Tensor longs(long[] values, long... shape) {
    PtNDArray array = allocate(DataType.INT64, values.length, shape);
    bytes(array).asLongBuffer().put(values);
    return new LibtorchTensor(toDevice(array));
  }

  @Override
  public Script script(String methods) {
    requireOpen();
    PtSymbolBlock module;
    try {
      module =
          JniUtils.loadModule(
              memory, new ByteArrayInputStream(TorchScriptArchive.of(methods)), false, false);
    } catch (EngineException e) {
      throw new IllegalArgumentException("script: " + torchMessage(e), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new LibtorchScript(this, module);
  }

  @Override
  public int threads() {
    return threads;
  }

  @Override
  public void close() {
    memory.close();
  }

  /** Where results of scripts live. */
  PtNDManager memory() {
    return memory;
  }

  /**
   * Makes the calling thread compute as every other does. libtorch keeps both settings per thread:
   * a new thread uses all cores, and rewrites a script after its first calls, which may then round
   * differently; the same call must give the same bits, the first time and after.
   */
  void prepareThread() {
    JniUtils.setNumThreads(threads);
    JniUtils.setGraphExecutorOptimize(false);
  }

  /** How many tensors of this engine are not closed yet. */
  public int openTensors() {
    return memory.getManagedArrays().size();
  }

  void requireOpen() {
    if (!memory.isOpen()) {
      throw new IllegalStateException("engine: closed (expected: open)");
    }
  }

  /**
   * The same values in the memory of the host: the array itself, or a copy in its place.
   *
   * @param array closed if it is not what is returned
   */
  static PtNDArray toHost(PtNDArray array) {
    if (!array.getDevice().isGpu()) {
      return array;
    }
    try (array) {
      return array.toDevice(Device.cpu(), false);
    }
  }

  /** The memory of a contiguous array of the host, in this machine's byte order. */
  static ByteBuffer bytes(PtNDArray array) {
    return array.toByteBuffer(true).order(ByteOrder.nativeOrder());
  }

  /** What libtorch has to say, without the native stack trace that follows it. */
  static String torchMessage(EngineException e) {
    String message = String.valueOf(e.getMessage());
    int stackTrace = message.indexOf("Exception raised from");
    return (stackTrace < 0 ? message : message.substring(0, stackTrace)).strip();
  }

  /**
   * Memory of libtorch's own rather than a wrapped Java buffer: a script may return its argument or
   * a view of it, which then keeps the memory alive.
   */
  private PtNDArray allocate(DataType type, long values, long[] shape) {
    requireOpen();
    long size = 1;
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new IllegalArgumentException(
            "shape: %s (expected: nothing negative)".formatted(Arrays.toString(shape)));
      }
      size = Math.multiplyExact(size, dimension);
    }
    if (size != values) {
      throw new IllegalArgumentException(
          "shape: %s for %d values (expected: %d)".formatted(Arrays.toString(shape), values, size));
    }
    if (size * type.getNumOfBytes() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "shape: %s of %s (expected: at most %d bytes)"
              .formatted(Arrays.toString(shape), type, Integer.MAX_VALUE));
    }
    return JniUtils.createEmptyNdArray(
        passage, new Shape(shape), type, Device.cpu(), SparseFormat.DENSE);
  }

  /** Takes what {@link #allocate} gave, once it is filled, to where tensors are. */
  private PtNDArray toDevice(PtNDArray filled) {
    if (!device.isGpu()) {
      return filled;
    }
    try (filled) {
      PtNDArray there = filled.toDevice(device, false);
      there.attach(memory);
      return there;
    }
  }

  private static void setUnlessPresent(String property) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, "true");
    }
  }

  private static String innermostMessage(Throwable e) {
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
  }
}
