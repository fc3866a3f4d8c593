// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

/** The text of single tokens. Called from several threads. */
@FunctionalInterface
public interface TokenText {
  /**
   * What a viewer shows for a token, as well-formed Unicode: bytes that are no whole character are
   * replaced.
   *
   * @param tokenId any id that the run's corpus holds
   */
  String text(int tokenId);
}
