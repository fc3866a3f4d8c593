// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

/** Something in a file is not as it should be. The message does not name the file. */
final class UnsoundFileException extends Exception {
  private static final long serialVersionUID = 1;

  UnsoundFileException(String message) {
    super(message);
  }

  /** Throws unless {@code condition}; the message is {@code format} with its arguments. */
  static void require(boolean condition, String format, Object... arguments)
      throws UnsoundFileException {
    if (!condition) {
      throw new UnsoundFileException(format.formatted(arguments));
    }
  }
}
