// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import io.saeflow.schemas.feature.FeatureRecord;
import java.io.IOException;

/** Sees every version of one autoencoder's records, also of a run still going on. One thread. */
public interface FeatureVersions extends AutoCloseable {
  /**
   * Takes the next version of one feature's record.
   *
   * @param record consistent, as {@link FeatureRecordConsumer} checks
   * @param encoded the same record's bytes, neither changed nor retained
   */
  void add(FeatureRecord record, byte[] encoded) throws IOException;

  @Override
  void close() throws IOException;
}
