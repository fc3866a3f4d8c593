// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * For each feature, the first n firings of a total order, whatever order they come in: by a key, to
 * be compared unsigned, then by sequence and position. No two firings of a feature may be at one
 * place.
 *
 * <p>A firing has a slot for as long as it is kept, and one that takes the place of another takes
 * its slot. Neighbouring slots are saved as a piece: late in a run a commit finds one or two of a
 * feature's firings replaced, and need not save the others.
 */
final class FiringSelections implements FeatureStates {
  /** Strongest first. For one firing a sequence, above zero. */
  static final ToLongFunction<Firing> STRONGEST = firing -> strength(firing.activation());

  /** By a hash, so that the first n are a uniform sample. */
  static final ToLongFunction<Firing> RANDOM = Firing::rank;

  /** Enough that a piece's bytes outweigh what a message costs besides. */
  private static final int SLOTS_PER_PIECE = 5;

  private static final Firing[] NONE = {};
  private static final long[] NO_KEYS = {};
  private static final int[] NO_SLOTS = {};

  private final int capacity;
  private final ToLongFunction<Firing> order;

  /**
   * For each feature, the key of its last firing if it has n of them, else the largest key. By
   * itself, since most firings are not kept and need no more than this.
   */
  private final long[] lastKeys;

  private final int[] sizes;

  /** What each piece takes when it is saved, which every commit asks for. */
  private final int[] bytes;

  /** Of each feature the firing in each slot; null where there is none. */
  private final @Nullable Firing[][] firings;

  /** Of each feature's firings in order; only the first {@code size} are in use. */
  private final long[][] keys;

  /** Those of {@link #keys}. */
  private final int[][] slots;

  /**
   * @param capacity n, may be 0
   */
  FiringSelections(int features, int capacity, ToLongFunction<Firing> order) {
    this.capacity = capacity;
    this.order = order;
    this.lastKeys = new long[features];
    this.sizes = new int[features];
    this.bytes = new int[features * pieces()];
    this.firings = new @Nullable Firing[features][];
    this.keys = new long[features][];
    this.slots = new int[features][];
    Arrays.fill(lastKeys, lastKeyOfFewer());
    Arrays.fill(firings, NONE);
    Arrays.fill(keys, NO_KEYS);
    Arrays.fill(slots, NO_SLOTS);
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

  /**
   * Adds a firing that {@link #keeps} lets in; the last of more than n goes.
   *
   * @return the piece that changed
   */
  int add(int feature, Firing firing) {
    int slot = sizes[feature];
    if (slot == capacity) {
      slot = slots[feature][capacity - 1];
      setSize(feature, capacity - 1);
    }
    put(feature, slot, firing);
    return piece(feature, slot);
  }

  /** Of a feature, in order. */
  List<Firing> toList(int feature) {
    return Arrays.stream(slots[feature], 0, sizes[feature])
        .mapToObj(slot -> at(feature, slot))
        .toList();
  }

  @Override
  public int pieces() {
    return (capacity + SLOTS_PER_PIECE - 1) / SLOTS_PER_PIECE;
  }

  @Override
  public int bytes(int piece) {
    return bytes[piece];
  }

  @Override
  public void writeTo(ByteBuffer out, int piece) {
    int feature = piece / pieces();
    int end = Math.min(firstSlot(piece) + SLOTS_PER_PIECE, firings[feature].length);
    for (int slot = firstSlot(piece); slot < end; slot++) {
      Firing firing = firings[feature][slot];
      if (firing != null) {
        firing.writeTo(out);
      }
    }
  }

  /** Pieces of different ages may meet here until all have been read. */
  @Override
  public void readFrom(ByteBuffer in, int piece) {
    int feature = piece / pieces();
    for (int slot = firstSlot(piece); in.hasRemaining(); slot++) {
      remove(feature, slot);
      put(feature, slot, Firing.readFrom(in));
    }
  }

  private int piece(int feature, int slot) {
    return feature * pieces() + slot / SLOTS_PER_PIECE;
  }

  private int firstSlot(int piece) {
    return piece % pieces() * SLOTS_PER_PIECE;
  }

  /** Puts a firing into its slot and its place in the order. */
  private void put(int feature, int slot, Firing firing) {
    long key = order.applyAsLong(firing);
    int at = find(feature, key, firing.sequence(), firing.position());
    int size = sizes[feature];
    reserve(feature, Math.max(slot, size) + 1);
    System.arraycopy(keys[feature], at, keys[feature], at + 1, size - at);
    System.arraycopy(slots[feature], at, slots[feature], at + 1, size - at);
    keys[feature][at] = key;
    slots[feature][at] = slot;
    Firing before = firings[feature][slot];
    bytes[piece(feature, slot)] += firing.bytes() - (before == null ? 0 : before.bytes());
    firings[feature][slot] = firing;
    setSize(feature, size + 1);
  }

  /** Takes what is in a slot out of the order, if anything is. */
  private void remove(int feature, int slot) {
    int last = sizes[feature] - 1;
    for (int i = 0; i <= last; i++) {
      if (slots[feature][i] == slot) {
        System.arraycopy(keys[feature], i + 1, keys[feature], i, last - i);
        System.arraycopy(slots[feature], i + 1, slots[feature], i, last - i);
        setSize(feature, last);
        return;
      }
    }
  }

  private void reserve(int feature, int needed) {
    int length = firings[feature].length;
    if (needed > length) {
      int longer = Math.min(capacity, Math.max(Math.max(4, needed), 2 * length));
      firings[feature] = Arrays.copyOf(firings[feature], longer);
      keys[feature] = Arrays.copyOf(keys[feature], longer);
      slots[feature] = Arrays.copyOf(slots[feature], longer);
    }
  }

  private void setSize(int feature, int size) {
    sizes[feature] = size;
    lastKeys[feature] = size == capacity && size > 0 ? keys[feature][size - 1] : lastKeyOfFewer();
  }

  private long lastKeyOfFewer() {
    return capacity == 0 ? 0 : -1;
  }

  private Firing at(int feature, int slot) {
    return Objects.requireNonNull(firings[feature][slot]);
  }

  /** How many of a feature's firings come before this place. */
  private int find(int feature, long key, long sequence, int position) {
    int from = 0;
    int to = sizes[feature];
    while (from < to) {
      int middle = (from + to) >>> 1;
      int order = Long.compareUnsigned(keys[feature][middle], key);
      if (order == 0) {
        order = compare(at(feature, slots[feature][middle]), sequence, position);
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
