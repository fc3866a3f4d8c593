// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.aggregate.CpuLatentAggregator;
import io.saeflow.kernels.aggregate.LatentAggregator;

/** Aggregators on the processor. */
record CpuLatentAggregators(String description) implements LatentAggregators {
  @Override
  public LatentAggregator createAggregator(int firstLatent, int latents) {
    return new CpuLatentAggregator(firstLatent, latents);
  }

  @Override
  public void close() {}
}
