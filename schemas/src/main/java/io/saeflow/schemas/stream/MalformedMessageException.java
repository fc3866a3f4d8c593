// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/** A message that cannot be read: which field, its value, and what was expected. */
public final class MalformedMessageException extends Exception {
  private static final long serialVersionUID = 1L;

  public MalformedMessageException(String message) {
    super(message);
  }

  public MalformedMessageException(String message, Throwable cause) {
    super(message, cause);
  }
}
