// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

/** A tensor file that cannot be read: which file, what is wrong with it, what was expected. */
public final class TensorFileException extends Exception {
  private static final long serialVersionUID = 1L;

  public TensorFileException(String message) {
    super(message);
  }

  public TensorFileException(String message, Throwable cause) {
    super(message, cause);
  }
}
