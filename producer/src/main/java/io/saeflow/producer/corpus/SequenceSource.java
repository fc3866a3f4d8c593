// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import org.jspecify.annotations.Nullable;

/** Token sequences of one length, one at a time. Not safe for use by several threads. */
public interface SequenceSource extends AutoCloseable {
  /** What to call it in error messages, such as a file's name. */
  String name();

  /** L, the length of every sequence. */
  int contextLength();

  /**
   * The next sequence, or null after the last.
   *
   * @throws CorpusException if what comes next cannot be read
   */
  @Nullable TokenSequence next() throws CorpusException;

  @Override
  void close();
}
