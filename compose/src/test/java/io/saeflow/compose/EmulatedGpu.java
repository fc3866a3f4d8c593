// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A driver whose GPU is the processor: the kernels, compiled by kernels' build.sh. */
final class EmulatedGpu {
  /** What build.sh ends with where it says what is missing. */
  private static final int CANNOT = 77;

  private static final Path KERNELS = Path.of("..", "kernels").toAbsolutePath().normalize();

  private EmulatedGpu() {}

  /** Its libcuda.so.1, where the tests of the kernels have it too; skips the test without g++. */
  static Path driver() throws IOException, InterruptedException {
    Path out = KERNELS.resolve("target").resolve("emulated-cuda").resolve("plain");
    Path script = KERNELS.resolve("src").resolve("test").resolve("cuda").resolve("build.sh");
    Process build =
        new ProcessBuilder("sh", script.toString(), out.toString(), "driver")
            .redirectErrorStream(true)
            .start();
    String said = new String(build.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int exitCode = build.waitFor();
    assumeTrue(exitCode != CANNOT, said);
    assertThat(exitCode).as(said).isZero();
    return out.resolve("libcuda.so.1");
  }
}
