// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import io.saeflow.schemas.feature.FeatureRecord;
import java.io.IOException;

/** One output format's files. Used by one thread. */
public interface FeatureSink extends AutoCloseable {
  /**
   * Writes one feature's files, replacing what is there. The same record gives the same bytes.
   *
   * @param record complete and consistent, as {@link FeatureRecordConsumer} checks
   */
  void write(FeatureRecord record) throws IOException;

  /** Returns when all that was handed over is in its files. */
  default void flush() throws IOException {}

  @Override
  default void close() throws IOException {}
}
