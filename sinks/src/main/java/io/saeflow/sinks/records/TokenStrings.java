// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.SerializedString;
import java.util.Arrays;

/**
 * The texts of tokens as JSON strings, each escaped and encoded once: sinks write a few thousand of
 * them millions of times. For one thread.
 */
public final class TokenStrings {
  private final TokenText text;
  private SerializableString[] known = new SerializableString[0];

  public TokenStrings(TokenText text) {
    this.text = text;
  }

  /**
   * The string of a token.
   *
   * @param tokenId not negative
   */
  public SerializableString of(int tokenId) {
    if (tokenId >= known.length) {
      known = Arrays.copyOf(known, Math.max(tokenId + 1, 2 * known.length));
    }
    SerializableString string = known[tokenId];
    if (string == null) {
      string = new SerializedString(text.text(tokenId));
      known[tokenId] = string;
    }
    return string;
  }
}
