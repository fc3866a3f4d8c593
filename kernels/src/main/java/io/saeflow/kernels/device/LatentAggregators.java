// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.cuda.CudaDevice;
import io.saeflow.kernels.cuda.CudaException;
import io.saeflow.kernels.cuda.CudaProbe;

/**
 * Makes the aggregators of a process on the device that was asked for. Can be used by several
 * threads.
 */
public sealed interface LatentAggregators extends AutoCloseable
    permits CpuLatentAggregators, CudaLatentAggregators, SaeEncoders {

  /**
   * Opens the device for a process that does not encode; one that does has {@link SaeEncoders}.
   *
   * @throws DeviceUnavailableException if it is a GPU that cannot be used
   */
  static LatentAggregators on(Device device) {
    ChosenDevice chosen = ChosenDevice.of(device, CudaProbe::probe);
    if (chosen.gpu().isEmpty()) {
      return new CpuLatentAggregators(chosen.description());
    }
    try {
      return new CudaLatentAggregators(CudaDevice.open(chosen.gpu().get()), chosen.description());
    } catch (CudaException e) {
      throw new DeviceUnavailableException("device: %s: %s".formatted(device, e.getMessage()));
    }
  }

  /** Which device it is and why, in one line. */
  String description();

  /**
   * Makes an aggregator of nothing yet, for one thread; it must be closed before this.
   *
   * @param firstLatent of the range
   * @param latents how many it has
   */
  LatentAggregator createAggregator(int firstLatent, int latents);

  /** Gives the device back. */
  @Override
  void close();
}
