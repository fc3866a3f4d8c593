// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.processors.encode.NonFinitePolicy;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What is kept of each feature. */
final class StatisticsOptions {
  @Option(
      names = "--top",
      paramLabel = "N",
      description = "Strongest sequences kept of each feature. Default: 20.")
  private @Nullable Long top;

  @Option(
      names = "--random",
      paramLabel = "N",
      description = "Random firings kept of each feature. Default: 20.")
  private @Nullable Long random;

  @Option(
      names = "--window",
      paramLabel = "TOKENS",
      description = "Tokens that an example shows. Default: 64.")
  private @Nullable Long window;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the random firings. Default: 0.")
  private @Nullable Long seed;

  @Option(
      names = "--label",
      paramLabel = "FIELD[:WIDTH]",
      description =
          "Count each feature by the values of this field of the documents, numbers in bins of"
              + " this width; may be repeated. Default: none.")
  private @Nullable List<String> labels;

  @Option(
      names = "--non-finite",
      paramLabel = "skip|fail",
      description =
          "Tokens whose activations are NaN or infinite: leave them out and count them, or put"
              + " their batch aside. Default: skip.")
  private @Nullable NonFinitePolicy nonFinite;

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    SettingsLine.number(settings, Setting.TOP, top);
    SettingsLine.number(settings, Setting.RANDOM, random);
    SettingsLine.number(settings, Setting.WINDOW, window);
    SettingsLine.number(settings, Setting.SEED, seed);
    if (labels != null) {
      settings.labels(labels);
    }
    if (nonFinite != null) {
      settings.nonFinite(nonFinite);
    }
  }
}
