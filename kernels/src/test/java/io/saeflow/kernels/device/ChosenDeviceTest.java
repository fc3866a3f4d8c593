// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.kernels.cuda.ComputeCapability;
import io.saeflow.kernels.cuda.CudaDeviceInfo;
import io.saeflow.kernels.cuda.ProbeResult;
import io.saeflow.kernels.cuda.ProbeResult.State;
import java.util.List;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

class ChosenDeviceTest {
  private static final ProbeResult NONE =
      new ProbeResult(State.NO_DEVICE, "the driver lists none", 13000, List.of());
  private static final List<CudaDeviceInfo> TWO =
      List.of(
          new CudaDeviceInfo(0, "old", new ComputeCapability(7, 0), 1),
          new CudaDeviceInfo(1, "new", new ComputeCapability(9, 0), 1));
  private static final IntFunction<ProbeResult> SECOND_IS_READY =
      ordinal ->
          ordinal == 1
              ? new ProbeResult(State.READY, "cuda:1 new", 13000, TWO)
              : new ProbeResult(State.DEVICE_TOO_OLD, "cuda:0 old", 13000, TWO);

  @Test
  void theProcessorIsNotAskedAboutGpus() {
    ChosenDevice chosen =
        ChosenDevice.of(
            new Device.Cpu(),
            ordinal -> {
              throw new AssertionError("asked");
            });

    assertThat(chosen.gpu()).isEmpty();
    assertThat(chosen.description()).isEqualTo("cpu");
  }

  @Test
  void autoSaysWhyItIsTheProcessor() {
    ChosenDevice chosen = ChosenDevice.of(new Device.Auto(), ordinal -> NONE);

    assertThat(chosen.gpu()).isEmpty();
    assertThat(chosen.description()).isEqualTo("cpu: there is no GPU (the driver lists none)");
  }

  @Test
  void autoTakesTheFirstGpuThatCanBeUsed() {
    ChosenDevice chosen = ChosenDevice.of(new Device.Auto(), SECOND_IS_READY);

    assertThat(chosen.gpu()).contains(TWO.get(1));
    assertThat(chosen.description()).isEqualTo("cuda:1 new");
  }

  @Test
  void aGpuIsTakenByItsNumber() {
    assertThat(ChosenDevice.of(new Device.Cuda(1), SECOND_IS_READY).gpu()).contains(TWO.get(1));
  }

  @Test
  void aGpuThatCannotBeUsedIsRefused() {
    assertThatThrownBy(() -> ChosenDevice.of(new Device.Cuda(1), ordinal -> NONE))
        .isInstanceOf(DeviceUnavailableException.class)
        .hasMessage("device: cuda:1: there is no GPU (the driver lists none)");
    assertThatThrownBy(() -> ChosenDevice.of(new Device.Cuda(0), SECOND_IS_READY))
        .isInstanceOf(DeviceUnavailableException.class)
        .hasMessage("device: cuda:0: the GPU is too old (cuda:0 old)");
  }
}
