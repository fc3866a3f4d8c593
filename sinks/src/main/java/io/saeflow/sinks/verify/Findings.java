// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Collects problems. Keeps the first ones and counts the rest. */
final class Findings {
  private static final int MOST_CHARACTERS = 500;

  /** Names and values come from files: none may move a terminal's cursor or begin a line. */
  private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cntrl}\\p{Cf}\\u2028\\u2029]");

  private final List<String> lines = new ArrayList<>();
  private long files;
  private long problems;

  /** Counts a file that is going to be read. */
  void countFile() {
    files++;
  }

  /**
   * Adds a problem.
   *
   * @param file relative to the output folder
   */
  void add(String file, String problem) {
    problems++;
    if (lines.size() < Report.MOST_LINES) {
      String line = UNPRINTABLE.matcher(file + ": " + problem).replaceAll("?");
      lines.add(
          line.length() > MOST_CHARACTERS ? line.substring(0, MOST_CHARACTERS) + "..." : line);
    }
  }

  Report report() {
    return new Report(files, problems, lines);
  }
}
