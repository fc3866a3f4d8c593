// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Arrays on their way to a device and back, on the emulated driver. */
@Tag("emulated-cuda")
class MemoryScopeTest {
  @RegisterExtension static final DeviceUnderTest GPU = DeviceUnderTest.emulated();

  @Test
  void arraysOfSeveralPiecesComeBackAsTheyWere() {
    float[] values = new float[(2 << 22) + 3];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 8191;
    }
    CudaDevice device = GPU.device();
    float[] back =
        device.call(
            () -> {
              try (MemoryScope memory = new MemoryScope(device)) {
                return memory.floats(memory.upload(values), values.length);
              }
            });
    assertThat(back).isEqualTo(values);
    assertThat(device.liveAllocations()).isZero();
  }
}
