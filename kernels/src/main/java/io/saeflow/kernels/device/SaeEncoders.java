// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.cuda.CudaProbe;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;

/**
 * Makes the encoders and decoders of a process on the device that was asked for, and its
 * aggregators there. Can be used by several threads.
 */
public sealed interface SaeEncoders extends LatentAggregators
    permits CpuSaeEncoders, CudaSaeEncoders {

  /**
   * Opens the device.
   *
   * @param engine what encoders on the processor work on, with as many threads as decoders there
   *     use; must stay open as long as they do
   * @throws DeviceUnavailableException if it is a GPU that cannot be used
   */
  static SaeEncoders on(Device device, TensorEngine engine) {
    ChosenDevice chosen = ChosenDevice.of(device, CudaProbe::probe);
    return chosen.gpu().isEmpty()
        ? new CpuSaeEncoders(engine, chosen.description())
        : new CudaSaeEncoders(chosen.openGpu(device), chosen.description());
  }

  /**
   * Where encoders for this device would run and why, in one line.
   *
   * @throws DeviceUnavailableException if it is a GPU that cannot be used
   */
  static String check(Device device) {
    return ChosenDevice.of(device, CudaProbe::probe).description();
  }

  /**
   * Makes an encoder, for one thread; it must be closed before this.
   *
   * @param weights the same object for encoders that are to share what is made of them
   * @param meter told of what it does
   */
  SaeEncoder createEncoder(SaeWeights weights, EncoderMeter meter);

  /**
   * Makes a decoder, for one thread; it must be closed before this.
   *
   * @param weights the same object for decoders that are to share what a GPU holds of them
   */
  SaeDecoder createDecoder(DecoderWeights weights);
}
