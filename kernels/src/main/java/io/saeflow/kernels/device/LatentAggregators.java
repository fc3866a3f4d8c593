// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.aggregate.LatentAggregator;
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
    return chosen.gpu().isEmpty()
        ? new CpuLatentAggregators(chosen.description())
        : new CudaLatentAggregators(chosen.openGpu(device), chosen.description());
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
