// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

/** The token that is put before each document when documents are packed into sequences. */
public enum DocumentSeparator {
  /** Documents follow one another without a token between them. */
  NONE,
  /** The model's begin-of-text token. */
  BOS,
  /** The model's end-of-text token. */
  EOS
}
