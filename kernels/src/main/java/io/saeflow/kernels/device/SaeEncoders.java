// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.cuda.CudaProbe;
import io.saeflow.kernels.cuda.ProbeResult;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.CertifiedSaeEncoder;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;
import java.util.function.IntFunction;

/**
 * Makes the encoders of a process on the device that was asked for. Can be used by several threads.
 */
public final class SaeEncoders implements AutoCloseable {
  private final TensorEngine engine;
  private final String description;

  private SaeEncoders(TensorEngine engine, String description) {
    this.engine = engine;
    this.description = description;
  }

  /**
   * Opens the device.
   *
   * @param engine what encoders on the processor work on; must stay open as long as they do
   * @throws DeviceUnavailableException if it is a GPU that cannot be used
   */
  public static SaeEncoders on(Device device, TensorEngine engine) {
    return new SaeEncoders(engine, choose(device, CudaProbe::probe));
  }

  /**
   * Where encoders for this device would run and why, in one line.
   *
   * @throws DeviceUnavailableException if it is a GPU that cannot be used
   */
  public static String check(Device device) {
    return choose(device, CudaProbe::probe);
  }

  /** Where encoders run and why, in one line. */
  public String description() {
    return description;
  }

  /**
   * Makes an encoder, for one thread; it must be closed before this.
   *
   * @param meter told of what it does
   */
  public SaeEncoder create(SaeWeights weights, EncoderMeter meter) {
    return new CertifiedSaeEncoder(weights, engine, meter);
  }

  /** Gives the device back. */
  @Override
  public void close() {}

  static String choose(Device device, IntFunction<ProbeResult> probe) {
    if (device instanceof Device.Cuda cuda) {
      throw new DeviceUnavailableException(
          "device: %s: %s".formatted(cuda, whyNoGpu(probe.apply(cuda.ordinal()))));
    }
    return device instanceof Device.Auto ? "cpu: " + whyNoGpu(probe.apply(0)) : "cpu: as asked for";
  }

  private static String whyNoGpu(ProbeResult found) {
    return found.isReady()
        ? "this version has no encoder for GPUs (%s)".formatted(found.detail())
        : found.describe();
  }
}
