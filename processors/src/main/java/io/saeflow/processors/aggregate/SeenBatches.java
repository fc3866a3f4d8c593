// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;
import java.util.TreeSet;

/**
 * Which batches have been added: all below a mark, and some beyond it. Kafka delivers each once,
 * but only as long as the group's committed offsets are kept; this keeps the count right beyond
 * that.
 */
final class SeenBatches {
  private long mark;
  private final TreeSet<Long> beyond = new TreeSet<>();

  /** Notes a batch; false if it was there already. */
  boolean add(long number) {
    if (number < mark || !beyond.add(number)) {
      return false;
    }
    while (!beyond.isEmpty() && beyond.first() == mark) {
      beyond.pollFirst();
      mark++;
    }
    return true;
  }

  long count() {
    return mark + beyond.size();
  }

  int bytes() {
    return Long.BYTES + Integer.BYTES + beyond.size() * Long.BYTES;
  }

  void writeTo(ByteBuffer out) {
    out.putLong(mark).putInt(beyond.size());
    beyond.forEach(out::putLong);
  }

  void readFrom(ByteBuffer in) {
    mark = in.getLong();
    beyond.clear();
    for (int left = in.getInt(); left > 0; left--) {
      beyond.add(in.getLong());
    }
  }
}
