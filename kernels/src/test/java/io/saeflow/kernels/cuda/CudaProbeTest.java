// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.cuda.ProbeResult.State;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is found with different drivers, each in a process of its own. */
class CudaProbeTest {
  @Test
  @DisabledIf("hasDriver")
  void thereIsNoDriver() {
    List<String> found = EmulatedCuda.runProgram(ProbeProgram.class, List.of(), Map.of(), "probe");

    assertThat(found.get(0)).isEqualTo(State.DRIVER_MISSING.name());
    assertThat(found.get(2)).isEqualTo("no NVIDIA driver is installed (no libcuda.so.1 is found)");
  }

  @Test
  void theNativeLibraryIsLookedForOnTheLibraryPathAlone() {
    List<String> found = ask("-Djava.library.path=/nowhere", "probe");

    assertThat(found.get(0)).isEqualTo(State.NATIVE_MISSING.name());
    assertThat(found.get(2)).contains("libJCudaDriver-").contains("/nowhere");
  }

  @Test
  void theChosenDriverIsNotThere() {
    List<String> found = ask("-Dsaeflow.cuda.driver=libcuda.so.1", "probe");

    assertThat(found.get(0)).isEqualTo(State.DRIVER_MISSING.name());
    assertThat(found.get(2))
        .contains(
            "saeflow.cuda.driver: libcuda.so.1 (expected: the absolute path of a libcuda.so.1)");
  }

  @Test
  void otherSystemsAreNotSupported() {
    List<String> found = ask("-Dos.arch=aarch64", "probe");

    assertThat(found.get(0)).isEqualTo(State.UNSUPPORTED_PLATFORM.name());
  }

  @Test
  void aDeviceIsReady() {
    List<String> found = askEmulation(Map.of(), "probe");

    assertThat(found.get(0)).isEqualTo(State.READY.name());
    assertThat(found.get(1)).isEqualTo("13000");
    assertThat(found.get(2))
        .isEqualTo("ready (cuda:0 emulated device 0, compute capability 9.0, 1024 MiB; CUDA 13.0)");
  }

  @Test
  void theDevicePassesTheSelfTestWithTheBestImage() {
    List<String> found = askEmulation(Map.of(), "probe", "0");

    assertThat(found.get(0)).as(found.toString()).isEqualTo(State.READY.name());
    assertThat(found.get(2)).contains("kernels saeflow_sm80.ptx");
  }

  @Test
  void anOlderDeviceTakesTheOlderImage() {
    List<String> found = askEmulation(Map.of("FAKECUDA_CAPABILITY", "75"), "probe", "0");

    assertThat(found.get(0)).as(found.toString()).isEqualTo(State.READY.name());
    assertThat(found.get(2)).contains("kernels saeflow_sm75.ptx");
  }

  @Test
  void anImageThatIsRefusedIsFollowedByTheNext() {
    List<String> found = askEmulation(Map.of("FAKECUDA_REFUSED", "80"), "probe", "0");

    assertThat(found.get(0)).as(found.toString()).isEqualTo(State.READY.name());
    assertThat(found.get(2)).contains("kernels saeflow_sm75.ptx");
  }

  @Test
  void theCompilersWordsAreKept() {
    List<String> found = askEmulation(Map.of("FAKECUDA_REFUSED", "75 80"), "probe", "0");

    assertThat(found.get(0)).isEqualTo(State.KERNELS_FAILED.name());
    assertThat(found.get(2))
        .contains("saeflow_sm80.ptx: FAKECUDA_ERROR_222 (222) ptxas: refused, as asked for; ")
        .contains("saeflow_sm75.ptx: FAKECUDA_ERROR_222 (222) ptxas: refused, as asked for");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void anyScheduleGivesTheSameBits(int seed) {
    List<String> found = askEmulation(Map.of("FAKECUDA_SEED", "" + seed), "probe", "0");

    assertThat(found.get(0)).as(found.toString()).isEqualTo(State.READY.name());
  }

  @Test
  void thereIsNoDevice() {
    List<String> found = askEmulation(Map.of("FAKECUDA_DEVICES", "0"), "probe");

    assertThat(found.get(0)).isEqualTo(State.NO_DEVICE.name());
    assertThat(found.get(2)).contains("(100)");
  }

  @Test
  void thereIsNoSuchDevice() {
    List<String> found = askEmulation(Map.of("FAKECUDA_DEVICES", "2"), "probe", "2");

    assertThat(found.get(0)).isEqualTo(State.NO_DEVICE.name());
    assertThat(found.get(2)).contains("cuda:2 (expected: at most cuda:1)");
  }

  @Test
  void theDriverDoesNotStart() {
    List<String> found = askEmulation(Map.of("FAKECUDA_INIT", "803"), "probe");

    assertThat(found.get(0)).isEqualTo(State.INIT_FAILED.name());
    assertThat(found.get(2)).contains("(803)");
  }

  @Test
  void theDriverIsTooOld() {
    List<String> found = askEmulation(Map.of("FAKECUDA_DRIVER_VERSION", "11080"), "probe");

    assertThat(found.get(0)).isEqualTo(State.DRIVER_TOO_OLD.name());
    assertThat(found.get(2)).contains("it knows CUDA 11.8 (expected: at least 12.0)");
  }

  @Test
  void theDeviceIsTooOld() {
    List<String> found = askEmulation(Map.of("FAKECUDA_CAPABILITY", "70"), "probe");

    assertThat(found.get(0)).isEqualTo(State.DEVICE_TOO_OLD.name());
    assertThat(found.get(2)).contains("capability 7.0").contains("at least compute capability 7.5");
  }

  @Test
  void aFailingKernelIsFoundByTheSelfTest() {
    List<String> found = askEmulation(Map.of("FAKECUDA_LAUNCH", "719"), "probe", "0");

    assertThat(found.get(0)).isEqualTo(State.KERNELS_FAILED.name());
    assertThat(found.get(2)).contains("(719)");
  }

  @Test
  void aLostDeviceIsFatalAndClosingIsQuiet() {
    List<String> found = askEmulation(Map.of("FAKECUDA_LAUNCH", "719"), "launch");

    assertThat(found)
        .containsExactly(
            "CudaFatalException", "719", "running kernels on cuda:0: FAKECUDA_ERROR_719 (719)");
  }

  static boolean hasDriver() {
    return CudaProbe.probe().driverVersion() > 0;
  }

  private static List<String> askEmulation(Map<String, String> environment, String... arguments) {
    return EmulatedCuda.runProgram(ProbeProgram.class, environment, arguments);
  }

  private static List<String> ask(String flag, String... arguments) {
    return EmulatedCuda.runProgram(ProbeProgram.class, List.of(flag), Map.of(), arguments);
  }
}
