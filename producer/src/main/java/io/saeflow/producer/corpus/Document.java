// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

/**
 * One text.
 *
 * @param number its number in the corpus, from 0
 * @param text all of it; may be empty
 * @param labels its other scalar fields as a compact JSON object in the file's order; {@code {}} if
 *     it has none
 */
public record Document(long number, String text, String labels) {
  public Document {
    if (number < 0) {
      throw new IllegalArgumentException("document number: %d (expected: >= 0)".formatted(number));
    }
  }
}
