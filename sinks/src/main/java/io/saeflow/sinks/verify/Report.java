// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import java.util.List;

/**
 * What a verification found.
 *
 * @param files how many files were read
 * @param problems how many of them, or of those that should be there, are not as they should be
 * @param lines the first {@link #MOST_LINES} problems: {@code FILE: value (expected: ...)}
 */
public record Report(long files, long problems, List<String> lines) {
  /** More say nothing new. */
  public static final int MOST_LINES = 50;

  public Report {
    lines = List.copyOf(lines);
  }

  /** Whether there is no problem. */
  public boolean sound() {
    return problems == 0;
  }
}
