// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.util.List;

/**
 * Whether GPUs can be used in this process, and why not.
 *
 * @param detail one line for whoever runs the program
 * @param driverVersion 1000 major + 10 minor of the newest CUDA that the driver knows; 0 if it
 *     could not be asked
 * @param devices all that the driver names, in order of their ordinals; empty unless there are any
 */
public record ProbeResult(
    State state, String detail, int driverVersion, List<CudaDeviceInfo> devices) {

  /** What was found, in the order of looking. */
  public enum State {
    /** Not x86-64 Linux, for which there is no JCuda. */
    UNSUPPORTED_PLATFORM("this platform is not supported"),
    /** JCuda's native library is not on java.library.path, or cannot be loaded. */
    NATIVE_MISSING("JCuda's native library is missing"),
    /** There is no libcuda.so.1, which NVIDIA's driver installs. */
    DRIVER_MISSING("no NVIDIA driver is installed"),
    /** The driver found no GPU, or CUDA_VISIBLE_DEVICES hides all. */
    NO_DEVICE("there is no GPU"),
    /** The driver could not be initialised. */
    INIT_FAILED("the NVIDIA driver does not start"),
    /** The driver is of before CUDA 12.0. */
    DRIVER_TOO_OLD("the NVIDIA driver is too old"),
    /** Every GPU is older than compute capability 7.5. */
    DEVICE_TOO_OLD("the GPU is too old"),
    /** The kernels cannot be loaded on the GPU. */
    KERNELS_FAILED("the kernels do not load"),
    /** The GPU computes other bits than the processor. */
    SELF_TEST_FAILED("the GPU fails the self-test"),
    /** At least one GPU can be used. */
    READY("ready");

    private final String words;

    State(String words) {
      this.words = words;
    }
  }

  public ProbeResult {
    devices = List.copyOf(devices);
  }

  static ProbeResult without(State state, String detail) {
    return new ProbeResult(state, detail, 0, List.of());
  }

  ProbeResult with(State newState, String newDetail) {
    return new ProbeResult(newState, newDetail, driverVersion, devices);
  }

  public boolean isReady() {
    return state == State.READY;
  }

  /** The state in words and the detail, on one line. */
  public String describe() {
    return "%s (%s)".formatted(state.words, detail);
  }
}
