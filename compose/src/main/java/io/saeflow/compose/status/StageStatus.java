// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.status;

import java.util.List;

/**
 * How far one consumer group of a run is.
 *
 * @param stage its name: produce, encode, aggregate, or sink and the sink's name
 * @param members the processes that share the work now; empty for a sink, which is one
 * @param done offsets that it has committed, over all partitions that it reads
 * @param end where those partitions end
 */
public record StageStatus(String stage, List<String> members, long done, long end) {
  public StageStatus {
    members = List.copyOf(members);
  }

  /** Messages that wait, transaction markers among them. */
  public long waiting() {
    return Math.max(0, end - done);
  }

  /** The part that is done, 1 if there is nothing to do. */
  double share() {
    return end == 0 ? 1 : Math.min(1, (double) done / end);
  }
}
