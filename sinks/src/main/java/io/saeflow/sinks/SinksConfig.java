// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks;

import io.saeflow.schemas.Topics;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * What to write, from where, to where.
 *
 * @param kafka client properties, at least {@code bootstrap.servers}
 * @param out the output folder; made if it is missing
 * @param kinds the formats, at least one
 * @param name under which offsets are committed ({@link Topics#sinkGroup}); one of its own for each
 *     output folder of a run
 * @param atTheEnd what becomes of the sinks then
 */
public record SinksConfig(
    Map<String, Object> kafka, Path out, Set<SinkKind> kinds, String name, AtTheEnd atTheEnd) {
  /** The name of a run's only sinks. */
  public static final String DEFAULT_NAME = "sink";

  public SinksConfig {
    kafka = Map.copyOf(kafka);
    kinds = Set.copyOf(kinds);
    if (kinds.isEmpty()) {
      throw new IllegalArgumentException("sinks: none (expected: at least one)");
    }
  }

  /** A run's only sinks, which clean up when they are done. */
  public SinksConfig(Map<String, Object> kafka, Path out, Set<SinkKind> kinds) {
    this(kafka, out, kinds, DEFAULT_NAME, AtTheEnd.CLEAN_UP);
  }
}
