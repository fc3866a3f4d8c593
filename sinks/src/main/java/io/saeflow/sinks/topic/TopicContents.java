// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a topic's messages. All calls come from one thread, the reader's, which closes
 * this in the end, whether it completed or not.
 */
public interface TopicContents extends AutoCloseable {
  /** Not everything is written. */
  long INCOMPLETE = -1;

  /**
   * Takes the next message of one partition. Partitions come interleaved, each in its order.
   *
   * @param value not retained by the caller; null if the message has none
   * @throws MalformedMessageException if it cannot be used and nothing of it was; it is set aside
   * @throws IOException if reading cannot go on; the reader adds where it was
   */
  void read(int partition, byte @Nullable [] value) throws IOException, MalformedMessageException;

  /**
   * How many sequences an end of the stream said there were, if everything of them is written and
   * nothing beyond them is known; else {@link #INCOMPLETE}. More may follow.
   */
  long completeSequences();

  @Override
  void close() throws IOException;
}
