// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which requests are answered how.
 *
 * @param method GET, POST or OPTIONS
 * @param template a path whose segments are literal or, in braces, a variable's name
 */
record Route(String method, String template, Protection protection, Handler handler) {
  /** Who gets an answer. */
  enum Protection {
    /** Everyone. */
    PUBLIC,
    /** Those whom {@link Access} lets in. */
    RESTRICTED
  }

  /** Answers requests; called from several threads. */
  @FunctionalInterface
  interface Handler {
    Answer answer(Request request) throws IOException, RequestException;
  }

  /** The variables' values, if a path's decoded segments fit the template. */
  Optional<Map<String, String>> match(List<String> segments) {
    String[] wanted = template.substring(1).split("/", -1);
    if (wanted.length != segments.size()) {
      return Optional.empty();
    }
    Map<String, String> variables = new HashMap<>();
    for (int i = 0; i < wanted.length; i++) {
      String segment = segments.get(i);
      if (wanted[i].startsWith("{") && !segment.isEmpty()) {
        variables.put(wanted[i].substring(1, wanted[i].length() - 1), segment);
      } else if (!wanted[i].equals(segment)) {
        return Optional.empty();
      }
    }
    return Optional.of(variables);
  }
}
