// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.kernels.cuda.ProbeResult;
import io.saeflow.kernels.cuda.ProbeResult.State;
import java.util.List;
import org.junit.jupiter.api.Test;

class SaeEncodersTest {
  private static final ProbeResult NONE =
      new ProbeResult(State.NO_DEVICE, "the driver lists none", 13000, List.of());

  @Test
  void theProcessorIsNotAskedAboutGpus() {
    String description =
        SaeEncoders.choose(
            new Device.Cpu(),
            ordinal -> {
              throw new AssertionError("asked");
            });

    assertThat(description).isEqualTo("cpu: as asked for");
  }

  @Test
  void autoSaysWhyItIsTheProcessor() {
    assertThat(SaeEncoders.choose(new Device.Auto(), ordinal -> NONE))
        .isEqualTo("cpu: there is no GPU (the driver lists none)");
  }

  @Test
  void aGpuThatIsNotThereIsRefused() {
    assertThatThrownBy(() -> SaeEncoders.choose(new Device.Cuda(1), ordinal -> NONE))
        .isInstanceOf(DeviceUnavailableException.class)
        .hasMessage("device: cuda:1: there is no GPU (the driver lists none)");
  }
}
