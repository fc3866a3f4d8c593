// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.config.Kept;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The run's topics. */
final class TopicOptions {
  @Option(
      names = "--subject",
      paramLabel = "NAME",
      description = "The model's name in viewers. Default: its directory's name.")
  private @Nullable String subject;

  @Option(
      names = "--partitions",
      paramLabel = "N",
      description = "Partitions of the tokens and activations topics. Default: 1.")
  private @Nullable Long partitions;

  @Mixin private FeatureRangeOptions ranges;

  @Option(
      names = "--encode-at",
      paramLabel = "process|producer",
      description =
          "Encode where activations are processed, or where the model runs: then only latents go"
              + " through Kafka. Default: process.")
  private @Nullable EncodeAt encodeAt;

  @Option(
      names = "--keep",
      paramLabel = "NAME",
      split = ",",
      description =
          "What stays in Kafka after every stage has read it: activations, latents. Default:"
              + " nothing.")
  private @Nullable List<Kept> keep;

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    SettingsLine.text(settings, Setting.SUBJECT, subject);
    SettingsLine.number(settings, Setting.PARTITIONS, partitions);
    ranges.addTo(settings);
    if (encodeAt != null) {
      settings.encodeAt(encodeAt);
    }
    if (keep != null) {
      settings.keep(keep);
    }
  }
}
