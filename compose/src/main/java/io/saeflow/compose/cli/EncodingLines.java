// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.RunSummary;
import io.saeflow.schemas.feature.EncodingStatistics;
import java.io.PrintWriter;
import java.util.Locale;

/** Says what encoded, and how well each autoencoder of a run did, a line each. */
final class EncodingLines {
  private EncodingLines() {}

  static void print(RunSummary summary, PrintWriter out) {
    summary.device().ifPresent(device -> out.println("encoded on " + device));
    summary.encodings().forEach((sae, found) -> out.println(sae + ": " + line(found)));
  }

  private static String line(EncodingStatistics found) {
    return found.reconstructedTokens() == 0
        ? String.format(Locale.ROOT, "L0 %.1f", found.l0())
        : String.format(
            Locale.ROOT, "L0 %.1f, normalised MSE %.3f", found.l0(), found.normalizedMse());
  }
}
