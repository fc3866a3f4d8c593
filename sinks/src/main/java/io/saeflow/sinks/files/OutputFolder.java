// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * The folder that a run writes into. Names that come from data become paths here only, and only
 * after a check, so that nothing is written outside of it.
 */
public final class OutputFolder {
  /** The folder, below the root, of what is not complete yet. */
  public static final String SPOOL = ".spool";

  private static final Pattern COMPONENT =
      Pattern.compile("[A-Za-z0-9_+=@][A-Za-z0-9._+=@-]{0,199}");

  private final Path root;

  /**
   * @param root need not exist; taken from the working directory if relative
   */
  public OutputFolder(Path root) {
    this.root = root.toAbsolutePath().normalize();
  }

  /** Absolute and normalised. */
  public Path root() {
    return root;
  }

  /**
   * A path below the root.
   *
   * @param paths joined in order; each as {@link #requireRelative} wants it
   * @throws IllegalArgumentException if one is not
   */
  public Path resolve(String... paths) {
    Path path = root;
    for (String part : paths) {
      for (String component : requireRelative("path", part).split("/", -1)) {
        path = path.resolve(component);
      }
    }
    return path;
  }

  /**
   * Returns {@code path} if it may become part of a path below the output folder: components
   * separated by single slashes, each 1 to 200 letters, digits, or {@code . _ - + = @}, the first
   * neither a dot nor a dash. So it is relative and holds no {@code ..}.
   *
   * @param what what it is, for the message
   * @throws IllegalArgumentException if it may not
   */
  public static String requireRelative(String what, String path) {
    for (String component : path.split("/", -1)) {
      if (!COMPONENT.matcher(component).matches()) {
        throw new IllegalArgumentException(
            "%s: '%s' (expected: a relative path of letters, digits, '.', '_', '-', '+', '=', '@', no component starting with '.' or '-')"
                .formatted(what, path));
      }
    }
    return path;
  }
}
