// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import static org.assertj.core.api.Assertions.assertThatCode;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine;

/** Command lines that scripts and files hold: they must be ones that saeflow understands. */
final class CommandLines {
  private CommandLines() {}

  static void assertParses(List<String> line) {
    assertThatCode(() -> saeflow().parseArgs(line.toArray(String[]::new)))
        .as(String.join(" ", line))
        .doesNotThrowAnyException();
  }

  private static CommandLine saeflow() {
    return Saeflow.commandLine(
        (config, output, listener) -> {
          throw new AssertionError("nothing is run");
        },
        (model, tokens, target) -> {
          throw new AssertionError("nothing is run");
        },
        Path.of("home"),
        Path.of("cache"));
  }
}
