// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What is written, and where.
 *
 * @param directory the output folder
 * @param existing what to do if it is not empty
 * @param sinks which outputs, of {@link #SINKS}; at least one
 * @param subject the model's name in viewers
 */
public record OutputConfig(
    Path directory, ExistingOutput existing, Set<String> sinks, String subject) {
  /** Every output there is; all are written by default. */
  public static final List<String> SINKS = List.of("sae-viewer", "neuron-records", "delphi");

  public OutputConfig {
    for (String sink : sinks) {
      if (!SINKS.contains(sink)) {
        throw new BadInputException(
            "sinks: '%s' (expected: %s)".formatted(sink, String.join(", ", SINKS)));
      }
    }
    if (sinks.isEmpty()) {
      throw new BadInputException(
          "sinks: none (expected: at least one of %s)".formatted(String.join(", ", SINKS)));
    }
    Set<String> ordered = new LinkedHashSet<>(SINKS);
    ordered.retainAll(sinks);
    sinks = Collections.unmodifiableSet(ordered);
    Expectation.folderName("subject", subject);
  }
}
