// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

/** A model that cannot be used: which file, what is wrong with it, what was expected. */
public final class ModelException extends Exception {
  private static final long serialVersionUID = 1L;

  public ModelException(String message) {
    super(message);
  }

  public ModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
