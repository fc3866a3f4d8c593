// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.aggregate.LatentStatistics;
import io.saeflow.kernels.sae.SparseLatents;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * {@link LatentStatistics} that stay on a GPU from batch to batch, with the same bits. Not safe for
 * use by several threads.
 */
public final class CudaLatentStatistics implements AutoCloseable {
  private static final int THREADS = 128;
  private static final int WARPS = THREADS / 32;

  /** Of {@code sort.cu}. */
  private static final int SORT_ENTRIES = 1024;

  private static final int DIGITS = 16;
  private static final int DIGIT_BITS = 4;
  private static final int PLACES_THREADS = 256;

  private final CudaDevice device;
  private final int latents;
  private final int bins;
  private final MemoryScope memory;
  private final DeviceMemory starts;
  private final DeviceMemory powerSums;
  private final DeviceMemory active;
  private final DeviceMemory largest;
  private final DeviceMemory histogram;
  private @Nullable Batch batch;

  private CudaLatentStatistics(CudaDevice device, int latents, int bins, MemoryScope memory) {
    this.device = device;
    this.latents = latents;
    this.bins = bins;
    this.memory = memory;
    this.starts = memory.device(latents + 1L, Integer.BYTES);
    this.powerSums = zeros((long) latents * LatentStatistics.POWERS, Double.BYTES);
    this.active = zeros(latents, Long.BYTES);
    this.largest = zeros(latents, Float.BYTES);
    this.histogram = zeros((long) latents * bins, Integer.BYTES);
  }

  /**
   * Statistics of nothing yet.
   *
   * @param device must stay open until these are closed
   * @param latents n
   * @param bins of each latent's histogram, at least 1; with n less than 2^29
   */
  public static CudaLatentStatistics open(CudaDevice device, int latents, int bins) {
    return device.call(
        () -> {
          MemoryScope memory = new MemoryScope(device);
          try {
            return new CudaLatentStatistics(device, latents, bins, memory);
          } catch (RuntimeException e) {
            memory.close();
            throw e;
          }
        });
  }

  /** Adds a batch, whose latents must be below n. */
  public void add(SparseLatents entries) {
    if (entries.latents().length > 0) {
      device.call(
          () -> {
            addOnDevice(entries);
            return null;
          });
    }
  }

  /** A copy of what they are now. */
  public LatentStatistics read() {
    LatentStatistics copy = new LatentStatistics(latents, bins);
    device.call(
        () -> {
          try (MemoryScope passing = new MemoryScope(device)) {
            download(powerSums, passing).asDoubleBuffer().get(copy.powerSums());
            download(active, passing).asLongBuffer().get(copy.active());
            download(largest, passing).asFloatBuffer().get(copy.largest());
            download(histogram, passing).asIntBuffer().get(copy.histogram());
          }
          return null;
        });
    return copy;
  }

  @Override
  public void close() {
    device.call(
        () -> {
          if (batch != null) {
            batch.memory.close();
          }
          memory.close();
          return null;
        });
  }

  private void addOnDevice(SparseLatents entries) {
    int count = entries.latents().length;
    Batch sorted = room(count);
    sorted.hostLatents.buffer().asIntBuffer().put(entries.latents());
    sorted.hostValues.buffer().asFloatBuffer().put(entries.values());
    device.copy(sorted.hostLatents, sorted.keys, (long) count * Integer.BYTES);
    device.copy(sorted.hostValues, sorted.values, (long) count * Float.BYTES);
    sort(sorted, count);
    device.launch(
        new KernelArguments(Kernel.LATENT_STARTS)
            .pointer(sorted.keys)
            .number(count)
            .number(latents)
            .pointer(starts),
        latents / THREADS + 1,
        THREADS,
        0);
    device.launch(
        new KernelArguments(Kernel.LATENT_STATISTICS)
            .pointer(starts)
            .pointer(sorted.entries)
            .pointer(sorted.values)
            .number(latents)
            .number(bins)
            .pointer(powerSums)
            .pointer(active)
            .pointer(largest)
            .pointer(histogram),
        (latents + WARPS - 1) / WARPS,
        THREADS,
        0);
    device.synchronize();
  }

  /** One pass for each digit of the largest latent, and at least one, which numbers the entries. */
  private void sort(Batch unsorted, int count) {
    int blocks = (count + SORT_ENTRIES - 1) / SORT_ENTRIES;
    for (int shift = 0; shift == 0 || (latents - 1) >>> shift > 0; shift += DIGIT_BITS) {
      device.launch(
          new KernelArguments(Kernel.SORT_COUNT)
              .pointer(unsorted.keys)
              .number(count)
              .number(shift)
              .pointer(unsorted.places),
          blocks,
          THREADS,
          0);
      device.launch(
          new KernelArguments(Kernel.SORT_PLACES).pointer(unsorted.places).number(DIGITS * blocks),
          1,
          PLACES_THREADS,
          0);
      device.launch(
          new KernelArguments(Kernel.SORT_SCATTER)
              .pointer(unsorted.keys)
              .pointerOrNull(shift == 0 ? null : unsorted.entries)
              .number(count)
              .number(shift)
              .pointer(unsorted.places)
              .pointer(unsorted.otherKeys)
              .pointer(unsorted.otherEntries),
          blocks,
          THREADS,
          0);
      unsorted.swap();
    }
  }

  private Batch room(int count) {
    Batch current = batch;
    if (current == null || current.capacity < count) {
      if (current != null) {
        current.memory.close();
        batch = null;
      }
      current = batch(Math.addExact(count, count / 4));
      batch = current;
    }
    return current;
  }

  private Batch batch(int capacity) {
    MemoryScope scope = new MemoryScope(device);
    try {
      return new Batch(scope, capacity);
    } catch (RuntimeException e) {
      scope.close();
      throw e;
    }
  }

  private DeviceMemory zeros(long count, int bytes) {
    DeviceMemory zeros = memory.device(count, bytes);
    device.fill(zeros, (byte) 0, zeros.bytes());
    return zeros;
  }

  private ByteBuffer download(DeviceMemory from, MemoryScope passing) {
    PinnedMemory host = passing.pinned(from.bytes(), 1);
    device.copy(from, host, from.bytes());
    device.synchronize();
    return host.buffer();
  }

  /** Room for a batch's entries, twice for keys and entries, as a sort goes back and forth. */
  private static final class Batch {
    final MemoryScope memory;
    final int capacity;
    final PinnedMemory hostLatents;
    final PinnedMemory hostValues;
    final DeviceMemory values;
    final DeviceMemory places;
    DeviceMemory keys;
    DeviceMemory entries;
    DeviceMemory otherKeys;
    DeviceMemory otherEntries;

    Batch(MemoryScope memory, int capacity) {
      this.memory = memory;
      this.capacity = capacity;
      this.hostLatents = memory.pinned(capacity, Integer.BYTES);
      this.hostValues = memory.pinned(capacity, Float.BYTES);
      this.values = memory.device(capacity, Float.BYTES);
      this.keys = memory.device(capacity, Integer.BYTES);
      this.entries = memory.device(capacity, Integer.BYTES);
      this.otherKeys = memory.device(capacity, Integer.BYTES);
      this.otherEntries = memory.device(capacity, Integer.BYTES);
      this.places = memory.device(DIGITS * (capacity / SORT_ENTRIES + 1L), Integer.BYTES);
    }

    void swap() {
      DeviceMemory sortedKeys = otherKeys;
      DeviceMemory sortedEntries = otherEntries;
      otherKeys = keys;
      otherEntries = entries;
      keys = sortedKeys;
      entries = sortedEntries;
    }
  }
}
