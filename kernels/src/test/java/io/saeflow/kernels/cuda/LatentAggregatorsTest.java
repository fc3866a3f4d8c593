// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.aggregate.RandomBatches;
import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.LatentAggregators;
import io.saeflow.kernels.sae.SparseLatents;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a process gets from {@link LatentAggregators}, on the emulated driver. */
@Tag("emulated-cuda")
class LatentAggregatorsTest {
  @Test
  void aGpuCountsWhatTheProcessorCounts() {
    EmulatedCuda.use();
    SparseLatents batch = new RandomBatches(new Random(1), 5, 1, 30).next(2);
    try (LatentAggregators cpu = LatentAggregators.on(new Device.Cpu());
        LatentAggregators auto = LatentAggregators.on(new Device.Auto());
        LatentAggregators gpu = LatentAggregators.on(new Device.Cuda(0))) {
      assertThat(cpu.description()).startsWith("cpu");
      assertThat(auto.description()).startsWith("cuda:0 emulated device 0, ");

      byte[] expected = saved(cpu, batch);
      assertThat(saved(auto, batch)).isEqualTo(expected);
      assertThat(saved(gpu, batch)).isEqualTo(expected);
    }
  }

  private static byte[] saved(LatentAggregators aggregators, SparseLatents batch) {
    try (LatentAggregator aggregator = aggregators.createAggregator(5, 1)) {
      aggregator.add(batch, 30, RandomBatches.NO_VISITOR);
      ByteBuffer out = ByteBuffer.allocate(aggregator.statistics().bytes(0));
      aggregator.statistics().writeTo(out, 0);
      return out.array();
    }
  }
}
