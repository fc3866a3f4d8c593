// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import org.jspecify.annotations.Nullable;

/** What Jazzer runs: it finds these two methods by their names. */
public final class JazzerTarget {
  private static @Nullable Laws laws;

  private JazzerTarget() {}

  /** Takes the target's name. */
  public static void fuzzerInitialize(String[] arguments) throws IOException {
    laws = new Laws(Targets.named(arguments[0]), Files.createTempDirectory("fuzz"));
  }

  /** Reads one input. */
  public static void fuzzerTestOneInput(byte[] input) {
    Laws held = laws;
    if (held == null) {
      throw new IllegalStateException("fuzzerInitialize was not called");
    }
    held.check(input);
  }
}
