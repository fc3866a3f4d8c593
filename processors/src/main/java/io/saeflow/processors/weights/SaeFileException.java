// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.weights;

/** An autoencoder that cannot be used: which file, what is wrong with it, what was expected. */
public final class SaeFileException extends Exception {
  private static final long serialVersionUID = 1L;

  public SaeFileException(String message) {
    super(message);
  }

  public SaeFileException(String message, Throwable cause) {
    super(message, cause);
  }
}
