// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

/**
 * What the user asked for, or the file they named, cannot be used. The message is one line that
 * says the value, the expectation and the place; the command line shows it and exits with code 2.
 */
public final class BadInputException extends RuntimeException {
  public BadInputException(String message) {
    super(message);
  }

  public BadInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
