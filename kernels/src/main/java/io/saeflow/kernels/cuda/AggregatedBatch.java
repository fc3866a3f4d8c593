// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.aggregate.EntriesByLatent;
import io.saeflow.kernels.sae.SparseLatents;
import java.nio.IntBuffer;
import java.util.Objects;

/**
 * Takes a batch's entries to a GPU and back, sorted by latent and added to totals on the way; one
 * batch after the other in the same memory. Made and closed on the device's thread, and {@link
 * #aggregate} runs there; all else does not.
 */
final class AggregatedBatch implements AutoCloseable {
  private static final int THREADS = 128;

  private final CudaDevice device;
  private final int latents;
  private final int entryCapacity;
  private final int tokenCapacity;
  private final MemoryScope memory;

  private final PinnedMemory hostKeys;
  private final PinnedMemory hostOffsets;
  private final PinnedMemory hostValues;
  private final PinnedMemory hostStarts;
  private final PinnedMemory hostSortedTokens;
  private final PinnedMemory hostSortedValues;

  private final EntrySort sort;
  private final DeviceMemory offsets;
  private final DeviceMemory values;
  private final DeviceMemory starts;
  private final DeviceMemory sortedTokens;
  private final DeviceMemory sortedValues;

  private int entries;
  private int tokens;

  private AggregatedBatch(
      CudaDevice device, int latents, int entryCapacity, int tokenCapacity, MemoryScope memory) {
    this.device = device;
    this.latents = latents;
    this.entryCapacity = entryCapacity;
    this.tokenCapacity = tokenCapacity;
    this.memory = memory;
    this.hostKeys = memory.pinned(entryCapacity, Integer.BYTES);
    this.hostOffsets = memory.pinned(tokenCapacity + 1L, Integer.BYTES);
    this.hostValues = memory.pinned(entryCapacity, Float.BYTES);
    this.hostStarts = memory.pinned(latents + 1L, Integer.BYTES);
    this.hostSortedTokens = memory.pinned(entryCapacity, Integer.BYTES);
    this.hostSortedValues = memory.pinned(entryCapacity, Float.BYTES);
    this.sort = new EntrySort(device, entryCapacity, memory);
    this.offsets = memory.device(tokenCapacity + 1L, Integer.BYTES);
    this.values = memory.device(entryCapacity, Float.BYTES);
    this.starts = memory.device(latents + 1L, Integer.BYTES);
    this.sortedTokens = memory.device(entryCapacity, Integer.BYTES);
    this.sortedValues = memory.device(entryCapacity, Float.BYTES);
  }

  /**
   * Opens what it needs, on the device's thread.
   *
   * @param latents of the range
   */
  static AggregatedBatch open(
      CudaDevice device, int latents, int entryCapacity, int tokenCapacity) {
    return MemoryScope.with(
        device,
        memory -> new AggregatedBatch(device, latents, entryCapacity, tokenCapacity, memory));
  }

  /** Whether such a batch has room. */
  boolean holds(SparseLatents batch) {
    return batch.latents().length <= entryCapacity && batch.tokens() <= tokenCapacity;
  }

  /**
   * Takes a batch that there is room for, and that has entries.
   *
   * @throws IndexOutOfBoundsException if a latent is not of the range
   */
  void fill(SparseLatents batch, int firstLatent) {
    entries = batch.latents().length;
    tokens = batch.tokens();
    IntBuffer keys = hostKeys.buffer().asIntBuffer();
    for (int latent : batch.latents()) {
      keys.put(Objects.checkIndex(latent - firstLatent, latents));
    }
    hostOffsets.buffer().asIntBuffer().put(batch.offsets());
    hostValues.buffer().asFloatBuffer().put(batch.values());
  }

  /** Sorts the entries and adds them; done when this returns. */
  void aggregate(int contextLength, LatentTotals totals) {
    device.copy(hostKeys, sort.keys(), (long) entries * Integer.BYTES);
    device.copy(hostOffsets, offsets, (tokens + 1L) * Integer.BYTES);
    device.copy(hostValues, values, (long) entries * Float.BYTES);
    sort.sort(entries, latents);
    device.launch(
        new KernelArguments(Kernel.LATENT_STARTS)
            .pointer(sort.keys())
            .number(entries)
            .number(latents)
            .pointer(starts),
        latents / THREADS + 1,
        THREADS,
        0);
    int blocks = (entries + THREADS - 1) / THREADS;
    device.launch(
        new KernelArguments(Kernel.TOKEN_ENTRIES)
            .pointer(sort.entries())
            .number(entries)
            .pointer(offsets)
            .number(tokens)
            .pointer(values)
            .pointer(sortedTokens)
            .pointer(sortedValues),
        blocks,
        THREADS,
        0);
    device.launch(
        new KernelArguments(Kernel.LATENT_TOTALS)
            .pointer(sort.keys())
            .pointer(sortedTokens)
            .pointer(sortedValues)
            .number(entries)
            .number(contextLength)
            .pointer(totals.memory()),
        blocks,
        THREADS,
        0);
    device.copy(starts, hostStarts, hostStarts.bytes());
    device.copy(sortedTokens, hostSortedTokens, (long) entries * Integer.BYTES);
    device.copy(sortedValues, hostSortedValues, (long) entries * Float.BYTES);
    device.synchronize();
  }

  /** Hands over the sorted entries. */
  void putInto(EntriesByLatent sorted) {
    sorted.take(
        entries,
        hostStarts.buffer().asIntBuffer(),
        hostSortedTokens.buffer().asIntBuffer(),
        hostSortedValues.buffer().asFloatBuffer());
  }

  @Override
  public void close() {
    memory.close();
  }
}
