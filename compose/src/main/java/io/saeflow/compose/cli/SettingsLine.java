// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Options of a line as settings: what was not given is left to the file or to the default. */
final class SettingsLine {
  private SettingsLine() {}

  static void path(Settings settings, Setting setting, @Nullable Path value) {
    if (value != null) {
      settings.path(setting, value);
    }
  }

  static void text(Settings settings, Setting setting, @Nullable String value) {
    if (value != null) {
      settings.text(setting, value);
    }
  }

  static void flag(Settings settings, Setting setting, @Nullable Boolean value) {
    if (value != null) {
      settings.flag(setting, value);
    }
  }

  static void number(Settings settings, Setting setting, @Nullable Long value) {
    if (value != null) {
      settings.number(setting, value);
    }
  }
}
