// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine;

/** Command lines that scripts and files hold: they must be ones that saeflow understands. */
final class CommandLines {
  private CommandLines() {}

  static boolean isKnown(String command) {
    return saeflow().getSubcommands().containsKey(command);
  }

  /** Skips the test if this build has no such command. */
  static void assumeKnown(String command) {
    assumeTrue(isKnown(command), () -> "this build has no command '%s'".formatted(command));
  }

  static void assertParses(List<String> line) {
    assertThatCode(() -> saeflow().parseArgs(line.toArray(String[]::new)))
        .as(String.join(" ", line))
        .doesNotThrowAnyException();
  }

  private static CommandLine saeflow() {
    return Saeflow.commandLine(
        (config, listener) -> {
          throw new AssertionError("nothing is run");
        },
        (model, tokens, target) -> {
          throw new AssertionError("nothing is run");
        },
        Path.of("home"),
        Path.of("cache"));
  }
}
