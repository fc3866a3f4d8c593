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

  /** Those of tokens that could have pieces but are too long. */
  private final Map<Integer, byte[]> longElements = new HashMap<>();

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
      if (to < ids.size() && !makePiece(ids.at(to))) {
        json.append(elementWithoutPiece(ids.at(to)));
        done = to + 1;
      }
    }
    json.endArray();
  }

  /** Makes the token's piece, if it can have one. */
  private boolean makePiece(int token) {
    if (token >= MOST_PIECES || longElements.containsKey(token)) {
      return false;
    }
    byte[] bytes = make(token);
    if (bytes.length > JsonPieces.MOST_BYTES) {
      longElements.put(token, bytes);
      return false;
    }
    pieces.put(token, bytes);
    return true;
  }

  private byte[] elementWithoutPiece(int token) {
    byte[] bytes = longElements.get(token);
    return bytes == null ? make(token) : bytes;
  }

  /** With a comma behind it. */
  private byte[] make(int token) {
    made.clear();
    element.appendTo(made, token);
    made.append(",");
    return made.toByteArray();
  }
}
