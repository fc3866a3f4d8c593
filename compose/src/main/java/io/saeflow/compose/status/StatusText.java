// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.status;

import java.io.PrintWriter;
import java.util.Locale;

/** A run's status as lines for a terminal. */
public final class StatusText {
  private StatusText() {}

  /** Prints {@code status}. */
  public static void print(RunStatus status, PrintWriter out) {
    out.println(
        "run %s: %s, %s"
            .formatted(
                status.manifest().getRun(),
                String.format(Locale.ROOT, "%,d tokens fed", status.fedTokens()),
                status.complete()
                    ? "complete"
                    : status.fed() ? "the whole corpus" : "more to come"));
    int width = status.stages().stream().mapToInt(stage -> stage.stage().length()).max().orElse(0);
    for (StageStatus stage : status.stages()) {
      out.println(
          String.format(
              Locale.ROOT,
              "  %-" + width + "s  %3d%% of its messages, %,d waiting%s",
              stage.stage(),
              (int) Math.floor(100 * stage.share()),
              stage.waiting(),
              stage.members().isEmpty() ? "" : "  " + String.join(" ", stage.members())));
    }
    out.println(String.format(Locale.ROOT, "dead letters: %,d", status.deadLetters()));
    out.flush();
  }
}
