// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The process itself. */
final class RoleOptions {
  @Option(
      names = "--name",
      paramLabel = "NAME",
      description =
          "This process' name among those of its role in the run, the same after a restart."
              + " Default: the role's.")
  private @Nullable String name;

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    SettingsLine.text(settings, Setting.NAME, name);
  }
}
