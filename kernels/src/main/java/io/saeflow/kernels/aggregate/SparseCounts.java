// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** Counts by integer key, for few keys: sorted arrays that grow as keys come. */
final class SparseCounts {
  private static final int[] NO_KEYS = {};
  private static final long[] NO_COUNTS = {};

  /** Ascending; only the first {@code size} are in use, likewise their counts. */
  private int[] keys = NO_KEYS;

  private long[] counts = NO_COUNTS;
  private int size;

  /** Adds to the key's count; a key is there from then on. */
  void add(int key, long count) {
    int at = find(key);
    if (at < 0) {
      at = -at - 1;
      insert(at, key);
    }
    counts[at] += count;
  }

  /** The key's count, 0 if it was never added. */
  long count(int key) {
    int at = find(key);
    return at < 0 ? 0 : counts[at];
  }

  /** Takes the key out and answers its count, 0 if it was not there. */
  long remove(int key) {
    int at = find(key);
    if (at < 0) {
      return 0;
    }
    long count = counts[at];
    size--;
    System.arraycopy(keys, at + 1, keys, at, size - at);
    System.arraycopy(counts, at + 1, counts, at, size - at);
    return count;
  }

  /** How many keys there are. */
  int size() {
    return size;
  }

  /** Puts the keys, ascending, into {@code target} from {@code from} on. */
  void copyKeys(int[] target, int from) {
    System.arraycopy(keys, 0, target, from, size);
  }

  /** Puts the counts, in the order of the keys, into {@code target} from {@code from} on. */
  void copyCounts(long[] target, int from) {
    System.arraycopy(counts, 0, target, from, size);
  }

  /** Writes keys and counts, but not how many there are, in the buffer's byte order. */
  void writeTo(ByteBuffer out) {
    for (int i = 0; i < size; i++) {
      out.putInt(keys[i]).putLong(counts[i]);
    }
  }

  /** As {@link Arrays#binarySearch}, but at once where no key is missing below {@code key}. */
  private int find(int key) {
    if (size == 0 || key < keys[0]) {
      return -1;
    }
    // Keys differ by at least one, so none is further from the first than its value is.
    int last = (int) Math.min((long) key - keys[0], size - 1);
    return keys[last] == key ? last : Arrays.binarySearch(keys, 0, last + 1, key);
  }

  private void insert(int at, int key) {
    if (size == keys.length) {
      int capacity = Math.max(8, size * 2);
      keys = Arrays.copyOf(keys, capacity);
      counts = Arrays.copyOf(counts, capacity);
    }
    System.arraycopy(keys, at, keys, at + 1, size - at);
    System.arraycopy(counts, at, counts, at + 1, size - at);
    keys[at] = key;
    counts[at] = 0;
    size++;
  }
}
