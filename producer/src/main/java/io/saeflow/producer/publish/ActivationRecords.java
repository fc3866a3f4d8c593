// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.util.List;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Makes the records of an {@link ActivationOutput}. Used by one thread, and closed by another. */
public interface ActivationRecords extends AutoCloseable {
  /**
   * The records of one batch at one hook point.
   *
   * @throws MalformedMessageException if none can be made: the tokens' message then goes to dead
   *     letters, and nothing of it is sent, of the other hook points neither
   */
  List<ProducerRecord<byte[], byte[]>> of(ActivationBatch activations)
      throws MalformedMessageException;

  /** The records that say so to every reader. */
  List<ProducerRecord<byte[], byte[]>> of(EndOfStream end);

  @Override
  default void close() {}
}
