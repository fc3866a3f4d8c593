// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How the features of an autoencoder are split. */
final class FeatureRangeOptions {
  @Option(
      names = "--feature-ranges",
      paramLabel = "N",
      description =
          "Ranges that the features are split into: partitions, aggregators and delphi shards."
              + " Default: 5, or the number of latents if that is less.")
  private @Nullable Long featureRanges;

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    SettingsLine.number(settings, Setting.FEATURE_RANGES, featureRanges);
  }
}
