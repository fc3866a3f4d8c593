// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import org.jspecify.annotations.Nullable;

/** Documents, one at a time, numbered from 0. Not safe for use by several threads. */
public interface DocumentSource extends AutoCloseable {
  /**
   * The next document, or null after the last.
   *
   * @throws CorpusException if what comes next cannot be read
   */
  @Nullable Document next() throws CorpusException;

  @Override
  void close();
}
