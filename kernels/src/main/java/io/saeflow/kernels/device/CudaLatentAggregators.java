// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.cuda.CudaDevice;
import io.saeflow.kernels.cuda.CudaLatentAggregator;

/**
 * Aggregators on one GPU.
 *
 * @param device closed with this
 */
record CudaLatentAggregators(CudaDevice device, String description) implements LatentAggregators {
  @Override
  public LatentAggregator createAggregator(int firstLatent, int latents) {
    return CudaLatentAggregator.open(device, firstLatent, latents);
  }

  @Override
  public void close() {
    device.close();
  }
}
