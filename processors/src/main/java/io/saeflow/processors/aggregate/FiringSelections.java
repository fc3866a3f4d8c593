// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * For each feature, the first n firings of a total order, whatever order they come in: by a key, to
 * be compared unsigned, then by sequence and position. No two firings of a feature may be at one
 * place.
 */
final class FiringSelections implements FeatureStates {
  /** Strongest first. For one firing a sequence, above zero. */
  static final ToLongFunction<Firing> STRONGEST = firing -> strength(firing.activation());

  /** By a hash, so that the first n are a uniform sample. */
  static final ToLongFunction<Firing> RANDOM = Firing::rank;

  private static final Firing[] NONE = {};
  private static final long[] NO_KEYS = {};

  private final int capacity;
  private final ToLongFunction<Firing> order;

  /**
   * For each feature, the key of its last firing if it has n of them, else the largest key. By
   * itself, since most firings are not kept and need no more than this.
   */
  private final long[] lastKeys;

  private final int[] sizes;

  /** What each feature's firings take when they are saved, which every commit asks for. */
  private final int[] bytes;

  /** In order; only the first {@code size} of a feature are in use. */
  private final Firing[][] firings;

  /** Those of {@link #firings}. */
  private final long[][] keys;

  /**
   * @param capacity n, may be 0
   */
  FiringSelections(int features, int capacity, ToLongFunction<Firing> order) {
    this.capacity = capacity;
    this.order = order;
    this.lastKeys = new long[features];
    this.sizes = new int[features];
    this.bytes = new int[features];
    this.firings = new Firing[features][];
    this.keys = new long[features][];
    Arrays.fill(lastKeys, capacity == 0 ? 0 : -1);
    Arrays.fill(bytes, Integer.BYTES);
    Arrays.fill(firings, NONE);
    Arrays.fill(keys, NO_KEYS);
  }

  /**
   * The key of {@link #STRONGEST}.
   *
   * @param activation above zero
   */
  static long strength(float activation) {
    // The bits of floats above zero are ordered as the floats are.
    return (long) Integer.MAX_VALUE - Float.floatToRawIntBits(activation);
  }

  /** Whether a firing at this place would be among the feature's first n so far. */
  boolean keeps(int feature, long key, long sequence, int position) {
    int toLast = Long.compareUnsigned(key, lastKeys[feature]);
    return toLast < 0 || (toLast == 0 && find(feature, key, sequence, position) < capacity);
  }

  /** Adds a firing that {@link #keeps} lets in; the last of more than n goes. */
  void add(int feature, Firing firing) {
    long key = order.applyAsLong(firing);
    int at = find(feature, key, firing.sequence(), firing.position());
    int size = sizes[feature];
    if (size == firings[feature].length) {
      int length = Math.min(capacity, Math.max(4, size * 2));
      firings[feature] = Arrays.copyOf(firings[feature], length);
      keys[feature] = Arrays.copyOf(keys[feature], length);
    }
    bytes[feature] += firing.bytes() - (size == capacity ? firings[feature][size - 1].bytes() : 0);
    int moved = Math.min(size, capacity - 1) - at;
    System.arraycopy(firings[feature], at, firings[feature], at + 1, moved);
    System.arraycopy(keys[feature], at, keys[feature], at + 1, moved);
    firings[feature][at] = firing;
    keys[feature][at] = key;
    setSize(feature, Math.min(size + 1, capacity));
  }

  /** Of a feature, in order. */
  List<Firing> toList(int feature) {
    return List.of(Arrays.copyOf(firings[feature], sizes[feature]));
  }

  @Override
  public int bytes(int feature) {
    return bytes[feature];
  }

  @Override
  public void writeTo(ByteBuffer out, int feature) {
    out.putInt(sizes[feature]);
    for (int i = 0; i < sizes[feature]; i++) {
      firings[feature][i].writeTo(out);
    }
  }

  @Override
  public void readFrom(ByteBuffer in, int feature) {
    int size = in.getInt();
    bytes[feature] = Integer.BYTES;
    firings[feature] = new Firing[size];
    keys[feature] = new long[size];
    for (int i = 0; i < size; i++) {
      Firing firing = Firing.readFrom(in);
      firings[feature][i] = firing;
      keys[feature][i] = order.applyAsLong(firing);
      bytes[feature] += firing.bytes();
    }
    setSize(feature, size);
  }

  private void setSize(int feature, int size) {
    sizes[feature] = size;
    lastKeys[feature] = size == capacity && size > 0 ? keys[feature][size - 1] : lastKeys[feature];
  }

  /** How many of a feature's firings come before this place. */
  private int find(int feature, long key, long sequence, int position) {
    int from = 0;
    int to = sizes[feature];
    while (from < to) {
      int middle = (from + to) >>> 1;
      int order = Long.compareUnsigned(keys[feature][middle], key);
      if (order == 0) {
        order = compare(firings[feature][middle], sequence, position);
      }
      if (order < 0) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from;
  }

  private static int compare(Firing firing, long sequence, int position) {
    int order = Long.compare(firing.sequence(), sequence);
    if (order == 0) {
      order = Integer.compare(firing.position(), position);
    }
    if (order == 0) {
      throw new IllegalStateException(
          "firing at sequence %d, position %d: offered twice".formatted(sequence, position));
    }
    return order;
  }
}
