// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.sinks.SinkKind;
import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * What is written, and where.
 *
 * @param directory the output folder
 * @param existing what to do if it is not empty
 * @param sinks which outputs; at least one
 */
public record OutputConfig(Path directory, ExistingOutput existing, Set<SinkKind> sinks) {
  /** Every output there is: the pass over the model costs far more than the files. */
  public static final Set<SinkKind> DEFAULT_SINKS =
      Collections.unmodifiableSet(EnumSet.allOf(SinkKind.class));

  public OutputConfig {
    if (sinks.isEmpty()) {
      throw new BadInputException("sinks: none (expected: at least one)");
    }
    sinks = Collections.unmodifiableSet(EnumSet.copyOf(sinks));
  }
}
