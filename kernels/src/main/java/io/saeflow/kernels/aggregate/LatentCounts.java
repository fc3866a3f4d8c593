// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Counts of each latent of a range by integer key: small keys have an array of their own, which is
 * found with fewer cache misses than {@link SparseCounts}, and the others are sparse. Latents are
 * numbered from the first of the range. Not safe for use by several threads.
 */
public final class LatentCounts {
  /** Those from 0 up to it have an array, as far as they have come. */
  private static final int NEAR_KEYS = 128;

  private static final int FEWEST_KEYS = 8;
  private static final int ENTRY_BYTES = Integer.BYTES + Long.BYTES;
  private static final long[] NONE = {};

  /** Of each latent, counts by key. */
  private final long[][] near;

  private final SparseCounts[] far;

  /**
   * Counts of nothing.
   *
   * @param latents how many the range has
   */
  public LatentCounts(int latents) {
    this.near = new long[latents][];
    this.far = new SparseCounts[latents];
    Arrays.fill(near, NONE);
    Arrays.setAll(far, f -> new SparseCounts());
  }

  /**
   * Adds to a key's count.
   *
   * @param key at least 0
   * @param count above zero
   */
  public void add(int latent, int key, long count) {
    long[] counts = near[latent];
    if (key < counts.length) {
      counts[key] += count;
    } else if (key < NEAR_KEYS) {
      near[latent] = Arrays.copyOf(counts, Math.max(FEWEST_KEYS, 2 * Integer.highestOneBit(key)));
      near[latent][key] += count;
    } else {
      far[latent].add(key, count);
    }
  }

  /** A key's count, 0 if nothing was added to it. */
  public long count(int latent, int key) {
    if (key >= NEAR_KEYS) {
      return far[latent].count(key);
    }
    return key < near[latent].length ? near[latent][key] : 0;
  }

  /** Makes a key's count 0 and answers what it was. */
  public long remove(int latent, int key) {
    if (key >= NEAR_KEYS) {
      return far[latent].remove(key);
    }
    long count = count(latent, key);
    if (count > 0) {
      near[latent][key] = 0;
    }
    return count;
  }

  /** The keys whose counts are not 0, ascending. */
  public int[] keys(int latent) {
    int[] keys = new int[size(latent)];
    int size = 0;
    for (int key = 0; key < near[latent].length; key++) {
      if (near[latent][key] > 0) {
        keys[size++] = key;
      }
    }
    far[latent].copyKeys(keys, size);
    return keys;
  }

  /** In the order of {@link #keys}. */
  public long[] counts(int latent) {
    long[] counts = new long[size(latent)];
    int size = 0;
    for (long count : near[latent]) {
      if (count > 0) {
        counts[size++] = count;
      }
    }
    far[latent].copyCounts(counts, size);
    return counts;
  }

  /** How many bytes {@link #writeTo} writes. */
  public int bytes(int latent) {
    return Integer.BYTES + size(latent) * ENTRY_BYTES;
  }

  /** Writes all counts of a latent, in the buffer's byte order. */
  public void writeTo(ByteBuffer out, int latent) {
    out.putInt(size(latent));
    long[] counts = near[latent];
    for (int key = 0; key < counts.length; key++) {
      if (counts[key] > 0) {
        out.putInt(key).putLong(counts[key]);
      }
    }
    far[latent].writeTo(out);
  }

  /** Takes what {@link #writeTo} wrote in place of what is there. */
  public void readFrom(ByteBuffer in, int latent) {
    near[latent] = NONE;
    far[latent] = new SparseCounts();
    for (int left = in.getInt(); left > 0; left--) {
      add(latent, in.getInt(), in.getLong());
    }
  }

  private int size(int latent) {
    int size = far[latent].size();
    for (long count : near[latent]) {
      size += count > 0 ? 1 : 0;
    }
    return size;
  }
}
