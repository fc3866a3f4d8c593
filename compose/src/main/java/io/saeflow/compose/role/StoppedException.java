// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import java.nio.file.Path;

/** The process was asked to stop before the end; what it did is kept. */
public final class StoppedException extends Exception {
  private static final long serialVersionUID = 1L;

  /** A run into {@code output} was stopped. */
  public StoppedException(Path output) {
    super("stopped; the same command with --resume goes on with %s".formatted(output));
  }

  StoppedException() {
    super("stopped");
  }
}
