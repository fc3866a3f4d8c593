// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import java.io.IOException;
import java.nio.file.Path;

/** Told of a run's steps, on the thread that runs it. */
@FunctionalInterface
public interface RunListener {
  /** Hears nothing. */
  RunListener NONE = out -> {};

  /** The run has begun to write into {@code out}: what a viewer reads is there and will grow. */
  void writing(Path out) throws IOException;
}
