// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

/**
 * A stable sort of entries by their keys on a GPU, see {@code sort.cu}, one batch after the other
 * in the same memory. Made and used on the device's thread.
 */
final class EntrySort {
  private static final int THREADS = 128;
  private static final int BLOCK_ENTRIES = 1024;
  private static final int DIGITS = 16;
  private static final int DIGIT_BITS = 4;
  private static final int PLACES_THREADS = 256;

  private final CudaDevice device;
  private final DeviceMemory places;

  /** Two of each, as a sort goes back and forth. */
  private DeviceMemory keys;

  private DeviceMemory entries;
  private DeviceMemory otherKeys;
  private DeviceMemory otherEntries;

  /**
   * @param capacity the most entries of a batch
   * @param memory is where what it needs is opened
   */
  EntrySort(CudaDevice device, int capacity, MemoryScope memory) {
    this.device = device;
    this.places = memory.device(DIGITS * (capacity / BLOCK_ENTRIES + 1L), Integer.BYTES);
    this.keys = memory.device(capacity, Integer.BYTES);
    this.entries = memory.device(capacity, Integer.BYTES);
    this.otherKeys = memory.device(capacity, Integer.BYTES);
    this.otherEntries = memory.device(capacity, Integer.BYTES);
  }

  /** i32 [capacity]: the keys to sort; after {@link #sort} another, with the sorted ones. */
  DeviceMemory keys() {
    return keys;
  }

  /** i32 [capacity]: after {@link #sort}, which of the unsorted keys each of the sorted ones is. */
  DeviceMemory entries() {
    return entries;
  }

  /**
   * Puts a sort of the first {@code count} keys on the stream.
   *
   * @param count at least 1
   * @param limit keys are from 0 to below it
   */
  void sort(int count, int limit) {
    int blocks = (count + BLOCK_ENTRIES - 1) / BLOCK_ENTRIES;
    // One pass for each digit of the largest key, and at least one, which numbers the entries.
    int bits = Integer.SIZE - Integer.numberOfLeadingZeros(limit - 1);
    for (int shift = 0; shift == 0 || shift < bits; shift += DIGIT_BITS) {
      device.launch(
          new KernelArguments(Kernel.SORT_COUNT)
              .pointer(keys)
              .number(count)
              .number(shift)
              .pointer(places),
          blocks,
          THREADS,
          0);
      device.launch(
          new KernelArguments(Kernel.SORT_PLACES).pointer(places).number(DIGITS * blocks),
          1,
          PLACES_THREADS,
          0);
      device.launch(
          new KernelArguments(Kernel.SORT_SCATTER)
              .pointer(keys)
              .pointerOrNull(shift == 0 ? null : entries)
              .number(count)
              .number(shift)
              .pointer(places)
              .pointer(otherKeys)
              .pointer(otherEntries),
          blocks,
          THREADS,
          0);
      swap();
    }
  }

  private void swap() {
    DeviceMemory sortedKeys = otherKeys;
    DeviceMemory sortedEntries = otherEntries;
    otherKeys = keys;
    otherEntries = entries;
    keys = sortedKeys;
    entries = sortedEntries;
  }
}
