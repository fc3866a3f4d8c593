// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import java.nio.file.Path;
import java.util.regex.Pattern;

/** The checks that several parts of a configuration share. */
final class Expectation {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");

  private Expectation() {}

  /** Refuses a value below {@code least}. */
  static void atLeast(long least, String key, long value) {
    if (value < least) {
      throw new BadInputException("%s: %d (expected: >= %d)".formatted(key, value, least));
    }
  }

  /** Refuses what cannot be one folder's name on every system. */
  static void folderName(String key, String value) {
    if (!NAME.matcher(value).matches()) {
      throw new BadInputException(
          "%s: '%s' (expected: 1 to 100 letters, digits, '.', '-' or '_', starting with a letter or digit)"
              .formatted(key, value));
    }
  }

  /** Refuses what is not a relative path of such names, separated by slashes. */
  static void folderPath(String key, String value) {
    for (String name : value.split("/", -1)) {
      if (!NAME.matcher(name).matches()) {
        throw new BadInputException(
            "%s: '%s' (expected: names of letters, digits, '.', '-' or '_', separated by '/')"
                .formatted(key, value));
      }
    }
  }

  /** A name as above, made from any text by replacing what does not fit. */
  static String toFolderName(String text, String fallback) {
    return cleaned(text, "[^A-Za-z0-9._-]", fallback);
  }

  /** A run's id, made from any text by replacing what does not fit. */
  static String toRunId(String text, String fallback) {
    return cleaned(text, "[^A-Za-z0-9_-]", fallback);
  }

  /** The last name of a path, even where it is written as {@code .} or ends in {@code ..}. */
  static String lastName(Path path) {
    Path name = path.toAbsolutePath().normalize().getFileName();
    return name == null ? "" : name.toString();
  }

  private static String cleaned(String text, String unfit, String fallback) {
    String name = text.replaceAll(unfit, "-").replaceAll("^[^A-Za-z0-9]+", "");
    if (name.isEmpty()) {
      return fallback;
    }
    return name.length() > 100 ? name.substring(0, 100) : name;
  }
}
