// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.kernels.device.Device;
import io.saeflow.schemas.Topics;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * A process that does one role of a run.
 *
 * @param run the run's id
 * @param name the process' among those of its role, the same after a restart: 1 to 60 letters,
 *     digits, {@code -}, {@code _} and {@code .}
 * @param stream how the run is reached; not embedded
 * @param state a folder for what a processor keeps
 * @param threads what {@code --threads} says, at least 1; empty for the role's default
 * @param device where it encodes and aggregates
 */
public record RoleConfig(
    String run,
    String name,
    StreamConfig stream,
    Optional<Path> state,
    OptionalInt threads,
    Device device) {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,60}");

  public RoleConfig {
    try {
      Topics.requireRunId(run);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
    if (!NAME.matcher(name).matches()) {
      throw new BadInputException(
          "name: '%s' (expected: 1 to 60 letters, digits, '-', '_' or '.')".formatted(name));
    }
    threads.ifPresent(count -> Expectation.atLeast(1, "threads", count));
  }

  /**
   * The folder for state.
   *
   * @throws BadInputException if there is none
   */
  public Path requiredState() {
    return state.orElseThrow(
        () ->
            new BadInputException(
                "state: missing (expected: --state DIR, or state in the --config file)"));
  }
}
