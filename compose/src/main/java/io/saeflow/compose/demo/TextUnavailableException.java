// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

/** The demo's text cannot be had here: there is no npm client, or it cannot reach its registry. */
public final class TextUnavailableException extends Exception {
  TextUnavailableException(String message) {
    super(message);
  }

  TextUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
