// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.cuda.ProbeResult.State;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * Finds out whether there is a GPU to use. Never throws; each question is asked once a process.
 *
 * <p>The driver is the system's libcuda.so.1, or the file that the system property {@value
 * #DRIVER_PROPERTY} names by an absolute path. JCuda's native library is looked for on
 * java.library.path alone: JCuda's own way would put it into a folder that strangers can write.
 */
public final class CudaProbe {
  /** Names the libcuda.so.1 to use in place of the system's. */
  public static final String DRIVER_PROPERTY = "saeflow.cuda.driver";

  /** CUDA 12.0: drivers from 525 on. */
  private static final int OLDEST_DRIVER = 12_000;

  /** JCuda loads it by this name; the build unpacks it. */
  private static final String NATIVE_LIBRARY = "JCudaDriver-12.6.0-linux-x86_64";

  private static final int NAME_BYTES = 256;

  private static @Nullable ProbeResult platform;
  private static final Map<Integer, ProbeResult> devices = new HashMap<>();

  private CudaProbe() {}

  /**
   * Looks for a driver and GPUs; {@code READY} if one of them is new enough. Takes about a second
   * where there is a driver, less where there is none.
   */
  public static synchronized ProbeResult probe() {
    if (platform == null) {
      platform = look();
    }
    return platform;
  }

  /**
   * Also loads the kernels on a GPU and runs the self-test on it; {@code READY} if it may be used.
   */
  public static synchronized ProbeResult probe(int ordinal) {
    ProbeResult found = probe();
    if (!found.isReady()) {
      return found;
    }
    return devices.computeIfAbsent(ordinal, o -> tryOut(found, o));
  }

  private static ProbeResult look() {
    String system = System.getProperty("os.name") + " on " + System.getProperty("os.arch");
    if (!system.equals("Linux on amd64")) {
      return ProbeResult.without(
          State.UNSUPPORTED_PLATFORM, system + " (expected: Linux on amd64)");
    }
    Optional<ProbeResult> problem = loadChosenDriver().or(CudaProbe::loadNativeLibrary);
    if (problem.isPresent()) {
      return problem.get();
    }
    try {
      return askDriver();
    } catch (LinkageError e) {
      return ProbeResult.without(State.NATIVE_MISSING, firstLine(e));
    } catch (CudaException e) {
      return ProbeResult.without(State.INIT_FAILED, firstLine(e));
    }
  }

  /** Loaded first, it is what the native library's need of a libcuda.so.1 resolves to. */
  private static Optional<ProbeResult> loadChosenDriver() {
    String chosen = System.getProperty(DRIVER_PROPERTY);
    if (chosen == null) {
      return Optional.empty();
    }
    try {
      Path file = Path.of(chosen);
      if (!file.isAbsolute() || !Files.isRegularFile(file)) {
        return driverMissing(
            "%s: %s (expected: the absolute path of a libcuda.so.1)"
                .formatted(DRIVER_PROPERTY, chosen));
      }
      System.load(chosen);
      return Optional.empty();
    } catch (InvalidPathException | UnsatisfiedLinkError e) {
      return driverMissing("%s: %s".formatted(DRIVER_PROPERTY, firstLine(e)));
    }
  }

  /**
   * Loads the native library before JCuda does, which then finds it loaded. JCuda would only say
   * that something is missing, and that of its own classes ever after.
   */
  private static Optional<ProbeResult> loadNativeLibrary() {
    String name = System.mapLibraryName(NATIVE_LIBRARY);
    String folders = System.getProperty("java.library.path", "");
    for (String folder : folders.split(File.pathSeparator)) {
      File file = new File(folder, name).getAbsoluteFile();
      if (!folder.isEmpty() && file.isFile()) {
        return load(file);
      }
    }
    return Optional.of(
        ProbeResult.without(
            State.NATIVE_MISSING, "no %s on java.library.path %s".formatted(name, folders)));
  }

  private static Optional<ProbeResult> load(File file) {
    try {
      System.load(file.getPath());
      return Optional.empty();
    } catch (UnsatisfiedLinkError e) {
      return String.valueOf(e.getMessage()).contains("libcuda.so.1")
          ? driverMissing("no libcuda.so.1 is found")
          : Optional.of(ProbeResult.without(State.NATIVE_MISSING, firstLine(e)));
    }
  }

  private static Optional<ProbeResult> driverMissing(String detail) {
    return Optional.of(ProbeResult.without(State.DRIVER_MISSING, detail));
  }

  private static ProbeResult askDriver() {
    // A switch of the whole process; results are checked by CudaDriver.
    JCudaDriver.setExceptionsEnabled(false);
    int code = JCudaDriver.cuInit(0);
    int[] version = new int[1];
    CudaDriver.check(JCudaDriver.cuDriverGetVersion(version), "asking for the driver's version");
    ProbeResult driver = new ProbeResult(State.READY, "", version[0], List.of());
    if (code == CUresult.CUDA_ERROR_NO_DEVICE) {
      return driver.with(State.NO_DEVICE, "the driver finds none: " + CudaDriver.describe(code));
    }
    if (code != CUresult.CUDA_SUCCESS) {
      return driver.with(State.INIT_FAILED, CudaDriver.describe(code));
    }
    if (version[0] < OLDEST_DRIVER) {
      return driver.with(
          State.DRIVER_TOO_OLD,
          "it knows CUDA %s (expected: at least 12.0)".formatted(cudaVersion(version[0])));
    }
    List<CudaDeviceInfo> found = listDevices();
    if (found.isEmpty()) {
      return driver.with(State.NO_DEVICE, "the driver lists none");
    }
    String names = found.stream().map(CudaDeviceInfo::toString).collect(Collectors.joining("; "));
    boolean usable = found.stream().anyMatch(CudaDeviceInfo::isSupported);
    return usable
        ? new ProbeResult(
            State.READY, names + "; CUDA " + cudaVersion(version[0]), version[0], found)
        : new ProbeResult(State.DEVICE_TOO_OLD, tooOld(names), version[0], found);
  }

  private static List<CudaDeviceInfo> listDevices() {
    int[] count = new int[1];
    CudaDriver.check(JCudaDriver.cuDeviceGetCount(count), "counting the GPUs");
    List<CudaDeviceInfo> found = new ArrayList<>();
    for (int ordinal = 0; ordinal < count[0]; ordinal++) {
      found.add(describe(ordinal));
    }
    return found;
  }

  private static CudaDeviceInfo describe(int ordinal) {
    CUdevice device = new CUdevice();
    CudaDriver.check(JCudaDriver.cuDeviceGet(device, ordinal), "getting GPU " + ordinal);
    byte[] name = new byte[NAME_BYTES];
    CudaDriver.check(
        JCudaDriver.cuDeviceGetName(name, NAME_BYTES, device), "naming GPU " + ordinal);
    long[] bytes = new long[1];
    CudaDriver.check(
        JCudaDriver.cuDeviceTotalMem(bytes, device), "asking for the memory of GPU " + ordinal);
    return new CudaDeviceInfo(
        ordinal,
        new String(name, StandardCharsets.UTF_8).replaceAll("\0.*", "").strip(),
        new ComputeCapability(
            attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
            attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device)),
        bytes[0]);
  }

  private static int attribute(int attribute, CUdevice device) {
    int[] value = new int[1];
    CudaDriver.check(
        JCudaDriver.cuDeviceGetAttribute(value, attribute, device),
        "asking for attribute " + attribute);
    return value[0];
  }

  private static ProbeResult tryOut(ProbeResult found, int ordinal) {
    if (ordinal < 0 || ordinal >= found.devices().size()) {
      return found.with(
          State.NO_DEVICE,
          "cuda:%d (expected: at most cuda:%d)".formatted(ordinal, found.devices().size() - 1));
    }
    CudaDeviceInfo info = found.devices().get(ordinal);
    if (!info.isSupported()) {
      return found.with(State.DEVICE_TOO_OLD, tooOld(info.toString()));
    }
    try (CudaDevice device = CudaDevice.open(info)) {
      return SelfTest.passes(device)
          ? found.with(State.READY, info + "; kernels " + device.imageName())
          : found.with(State.SELF_TEST_FAILED, info + " computes other bits than the processor");
    } catch (CudaException e) {
      return found.with(State.KERNELS_FAILED, firstLine(e));
    }
  }

  private static String tooOld(String what) {
    return "%s (expected: at least compute capability %s)"
        .formatted(what, ComputeCapability.OLDEST);
  }

  private static String cudaVersion(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  private static String firstLine(Throwable failure) {
    return String.valueOf(failure.getMessage()).lines().findFirst().orElse("");
  }
}
