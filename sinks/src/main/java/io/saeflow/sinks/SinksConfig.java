// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * What to write, from where, to where.
 *
 * @param kafka client properties, at least {@code bootstrap.servers}
 * @param out the output folder; made if it is missing
 * @param kinds the formats, at least one
 */
public record SinksConfig(Map<String, Object> kafka, Path out, Set<SinkKind> kinds) {
  public SinksConfig {
    kafka = Map.copyOf(kafka);
    kinds = Set.copyOf(kinds);
    if (kinds.isEmpty()) {
      throw new IllegalArgumentException("sinks: none (expected: at least one)");
    }
  }
}
