// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import io.saeflow.schemas.feature.IntList;
import io.saeflow.sinks.files.JsonBytes;
import io.saeflow.sinks.files.JsonPieces;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What stands for each token in an array, made once: a few thousand tokens are written millions of
 * times. For one thread.
 */
final class TokenElements {
  /** Makes the element that stands for a token. */
  @FunctionalInterface
  interface Element {
    /** Appends one JSON value. */
    void appendTo(JsonBytes json, int tokenId);
  }

  /** Past any vocabulary; what a record says must not decide how much is allocated. */
  private static final int MOST_PIECES = 1 << 20;

  private final Element element;
  private final JsonBytes made = new JsonBytes();

  /** By token, each with a comma behind it. */
  private final JsonPieces pieces = new JsonPieces();

  /** Those that are no pieces because they or their numbers are too large. */
  private final Map<Integer, byte[]> others = new HashMap<>();

  TokenElements(Element element) {
    this.element = element;
  }

  /**
   * Appends an array of what stands for the tokens.
   *
   * @param tokens none is negative
   */
  void appendArray(JsonBytes json, List<Integer> tokens) {
    IntList ids = IntList.of(tokens);
    json.append("[");
    int done = 0;
    while (done < ids.size()) {
      int to = pieces.missing(ids, done);
      json.append(pieces, ids, done, to);
      done = to;
      if (to < ids.size() && !made(ids.at(to))) {
        json.append(others.get(ids.at(to)));
        done = to + 1;
      }
    }
    json.endArray();
  }

  /** Whether the token's element now is a piece. */
  private boolean made(int token) {
    if (others.containsKey(token)) {
      return false;
    }
    made.clear();
    element.appendTo(made, token);
    made.append(",");
    byte[] bytes = made.toByteArray();
    if (bytes.length <= JsonPieces.MOST_BYTES && token < MOST_PIECES) {
      pieces.put(token, bytes);
      return true;
    }
    others.put(token, bytes);
    return false;
  }
}
