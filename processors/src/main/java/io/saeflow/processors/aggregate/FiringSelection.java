// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The first n firings of a total order, whatever order they come in. No two firings offered may be
 * equal in that order.
 */
final class FiringSelection {
  /** Strongest first; of equal ones, the earlier sequence. For one firing a sequence. */
  static final Comparator<Firing> STRONGEST =
      Comparator.comparingDouble(Firing::activation).reversed().thenComparingLong(Firing::sequence);

  /** By a hash, so that the first n are a uniform sample. */
  static final Comparator<Firing> RANDOM =
      ((Comparator<Firing>) (a, b) -> Long.compareUnsigned(a.rank(), b.rank()))
          .thenComparingLong(Firing::sequence)
          .thenComparingInt(Firing::position);

  private static final Firing[] NONE = {};

  private final int capacity;
  private final Comparator<Firing> order;
  private Firing[] firings = NONE;
  private int size;

  /**
   * @param capacity n, may be 0
   */
  FiringSelection(int capacity, Comparator<Firing> order) {
    this.capacity = capacity;
    this.order = order;
  }

  boolean isFull() {
    return size == capacity;
  }

  /** The last firing kept; only if there is one. */
  Firing last() {
    return firings[size - 1];
  }

  int capacity() {
    return capacity;
  }

  /** Keeps {@code firing} if it is among the first n so far; says whether. */
  boolean offer(Firing firing) {
    int at = -Arrays.binarySearch(firings, 0, size, firing, order) - 1;
    if (at < 0) {
      throw new IllegalStateException(
          "firing at sequence %d, position %d: offered twice"
              .formatted(firing.sequence(), firing.position()));
    }
    if (at == capacity) {
      return false;
    }
    if (size == firings.length) {
      firings = Arrays.copyOf(firings, Math.min(capacity, Math.max(4, size * 2)));
    }
    int moved = Math.min(size, capacity - 1) - at;
    System.arraycopy(firings, at, firings, at + 1, moved);
    firings[at] = firing;
    size = Math.min(size + 1, capacity);
    return true;
  }

  List<Firing> toList() {
    return List.of(Arrays.copyOf(firings, size));
  }

  int bytes() {
    int bytes = Integer.BYTES;
    for (int i = 0; i < size; i++) {
      bytes += firings[i].bytes();
    }
    return bytes;
  }

  void writeTo(ByteBuffer out) {
    out.putInt(size);
    for (int i = 0; i < size; i++) {
      firings[i].writeTo(out);
    }
  }

  void readFrom(ByteBuffer in) {
    size = in.getInt();
    firings = new Firing[size];
    for (int i = 0; i < size; i++) {
      firings[i] = Firing.readFrom(in);
    }
  }
}
