// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The emulated driver has all functions that JCuda's native library refers to: a call of one that
 * is missing would end the process.
 */
class DriverFunctionsTest {
  @Test
  void areThoseThatTheNativeLibraryRefersTo() throws IOException {
    assumeTrue(EmulatedCuda.canRun("nm", "--version"), "nm is missing");
    EmulatedCuda.Output symbols =
        EmulatedCuda.run(List.of("nm", "-D", "--undefined-only", nativeLibrary().toString()));
    List<String> referredTo =
        symbols
            .text()
            .lines()
            .map(line -> line.substring(line.lastIndexOf(' ') + 1))
            .filter(name -> name.matches("cu[A-Z]\\w+"))
            .sorted()
            .distinct()
            .toList();

    assertThat(Files.readAllLines(Path.of("src/test/cuda/driver-functions.txt")))
        .isEqualTo(referredTo);
  }

  private static Path nativeLibrary() {
    return Arrays.stream(System.getProperty("java.library.path").split(File.pathSeparator))
        .map(folder -> Path.of(folder, "libJCudaDriver-12.6.0-linux-x86_64.so"))
        .filter(Files::isRegularFile)
        .findFirst()
        .orElseThrow();
  }
}
