// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

/** Who may read the API. The page itself holds no data, and is for everyone who can connect. */
public sealed interface Access {
  /**
   * Everyone on this machine. Requests that name another host are refused, so that no web page can
   * reach the server through a name of its own.
   */
  record Local() implements Access {}

  /**
   * Everyone who sends {@code Authorization: Bearer <token>}.
   *
   * @param token at least 16 characters of letters, digits and {@code -._~+/=}
   */
  record Bearer(String token) implements Access {
    public Bearer {
      if (!token.matches("[A-Za-z0-9._~+/=-]{16,}")) {
        // The token itself must not get into a log.
        throw new IllegalArgumentException(
            "token: %d characters (expected: at least 16 letters, digits, or -._~+/=)"
                .formatted(token.length()));
      }
    }

    @Override
    public String toString() {
      return "Bearer[token=***]";
    }
  }

  /** Everyone who can connect. */
  record Insecure() implements Access {}
}
