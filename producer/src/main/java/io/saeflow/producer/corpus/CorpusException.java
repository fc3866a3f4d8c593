// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

/** Input text or tokens that cannot be used: the file, the place in it, and what was expected. */
public final class CorpusException extends Exception {
  private static final long serialVersionUID = 1L;

  public CorpusException(String message) {
    super(message);
  }

  public CorpusException(String message, Throwable cause) {
    super(message, cause);
  }
}
