// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.IOException;

/** Contents that outlive their process: what was saved need not be read again. */
public interface DurableContents extends TopicContents {
  /**
   * Where reading goes on. Called once, before anything else.
   *
   * @return for each partition, the offset of the first message that is not held
   */
  long[] begin() throws IOException, MalformedMessageException;

  /**
   * Brings all that was read to the disk, and with it how far that was. When this returns, messages
   * below the offsets may be deleted.
   *
   * @param offsets for each partition, of the message to be read next; not changed afterwards
   */
  void save(long[] offsets) throws IOException;
}
