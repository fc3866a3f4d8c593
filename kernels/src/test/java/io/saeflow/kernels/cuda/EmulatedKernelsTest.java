// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernels by themselves, under the address and undefined-behaviour sanitizers. */
class EmulatedKernelsTest {
  @TestFactory
  List<DynamicTest> programsEndWell() throws IOException {
    Path folder = EmulatedCuda.sanitizedPrograms();
    try (Stream<Path> sources = Files.list(Path.of("src/test/cuda"))) {
      return sources
          .map(source -> source.getFileName().toString())
          .filter(name -> name.endsWith("_test.cpp"))
          .sorted()
          .map(name -> name.substring(0, name.length() - ".cpp".length()))
          .map(name -> DynamicTest.dynamicTest(name, () -> endsWell(folder.resolve(name))))
          .toList();
    }
  }

  private static void endsWell(Path program) {
    EmulatedCuda.Output output = EmulatedCuda.run(List.of(program.toString()));

    assertThat(output.exitCode()).as(output.text()).isZero();
  }
}
