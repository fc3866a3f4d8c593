// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/**
 * A stretch of a sequence that comes from one document; it reaches to the next span or to the end.
 *
 * @param start the position in the sequence where it begins
 * @param document the document's number in the corpus, from 0
 * @param offset how many of the document's tokens came before this span
 * @param labels the document's scalar fields as a JSON object, {@code {}} if it has none
 */
public record DocumentSpan(int start, long document, long offset, String labels) {
  /** The labels of a document that has none. */
  public static final String NO_LABELS = "{}";

  public DocumentSpan {
    if (start < 0 || document < 0 || offset < 0) {
      throw new IllegalArgumentException(
          "document span: start %d, document %d, offset %d (expected: none negative)"
              .formatted(start, document, offset));
    }
  }
}
