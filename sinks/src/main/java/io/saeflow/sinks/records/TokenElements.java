// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import io.saeflow.schemas.feature.IntList;
import io.saeflow.sinks.files.JsonBytes;
import java.util.Arrays;
import java.util.List;

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

  private final Element element;
  private final JsonBytes made = new JsonBytes();

  /** By token, each with a comma behind it; null where it is not made yet. */
  private byte[][] known = {};

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
    for (int i = 0; i < ids.size(); i++) {
      json.append(of(ids.at(i)));
    }
    json.endArray();
  }

  private byte[] of(int token) {
    if (token >= known.length) {
      known = Arrays.copyOf(known, Math.max(token + 1, 2 * known.length));
    }
    byte[] bytes = known[token];
    if (bytes == null) {
      made.clear();
      element.appendTo(made, token);
      made.append(",");
      bytes = made.toByteArray();
      known[token] = bytes;
    }
    return bytes;
  }
}
