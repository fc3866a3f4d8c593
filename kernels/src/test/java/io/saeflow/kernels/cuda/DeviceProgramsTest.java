// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The kernels' programs as they are for a GPU, with the committed PTX, where compute-sanitizer
 * watches them: here on the emulated driver, with few cases.
 */
class DeviceProgramsTest {
  @TestFactory
  List<DynamicTest> passOnTheEmulatedDriver() throws IOException {
    try (Stream<Path> files = Files.list(EmulatedCuda.devicePrograms())) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith("_test"))
          .sorted()
          .map(name -> DynamicTest.dynamicTest(name, () -> passes(name, Map.of())))
          .toList();
    }
  }

  /** The emulated driver refuses PTX for newer devices. */
  @Test
  void takeTheImageThatTheDeviceRuns() {
    assertThat(passes("canonical_test", Map.of("FAKECUDA_CAPABILITY", "75")))
        .contains("compute capability 7.5");
  }

  @Test
  void sayThatThereIsNoDriver() {
    cannotRun(Map.of("CUDA_DRIVER", "/no/libcuda.so.1"), "no driver: /no/libcuda.so.1");
  }

  @Test
  void sayThatThereIsNoDevice() {
    cannotRun(Map.of("FAKECUDA_DEVICES", "0"), "no GPU: cuInit: error 100");
  }

  private static String passes(String name, Map<String, String> environment) {
    EmulatedCuda.Output output = run(name, environment);
    assertThat(output.exitCode()).as(output.text()).isZero();
    return output.text();
  }

  private static void cannotRun(Map<String, String> environment, String why) {
    EmulatedCuda.Output output = run("canonical_test", environment);
    assertThat(output.exitCode()).as(output.text()).isEqualTo(77);
    assertThat(output.text()).startsWith(why).hasLineCount(1);
  }

  private static EmulatedCuda.Output run(String name, Map<String, String> environment) {
    Path program = EmulatedCuda.devicePrograms().resolve(name);
    ProcessBuilder builder = new ProcessBuilder(program.toString(), "1", "2");
    builder.environment().put("CUDA_DRIVER", EmulatedCuda.driver().toString());
    builder.environment().putAll(environment);
    return EmulatedCuda.run(builder);
  }
}
