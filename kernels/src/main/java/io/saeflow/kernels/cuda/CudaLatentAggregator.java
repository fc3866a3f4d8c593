// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.aggregate.EntriesByLatent;
import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.aggregate.LatentStatistics;
import io.saeflow.kernels.aggregate.SequenceVisitor;
import io.saeflow.kernels.sae.SparseLatents;
import org.jspecify.annotations.Nullable;

/**
 * Aggregates on a GPU, with the bits of the processor: it sorts each batch there, and adds what is
 * counted to totals that stay there until {@link #statistics} is asked for.
 *
 * <p>All that is counted of two parts of a run can be added up, so the totals begin with nothing
 * wherever the statistics were restored from, and become nothing again whenever they are read. The
 * histogram's bins beyond {@link LatentTotals#NEAR_BINS} are counted on the processor.
 */
public final class CudaLatentAggregator implements LatentAggregator {
  private final CudaDevice device;
  private final int firstLatent;
  private final int latents;
  private final MemoryScope memory;
  private final LatentTotals totals;
  private final EntriesByLatent entries;
  private final LatentStatistics statistics;
  private final int mostUnread;
  private @Nullable AggregatedBatch batch;

  /** How many entries the totals hold. */
  private int unread;

  private CudaLatentAggregator(
      CudaDevice device, int firstLatent, int latents, int mostUnread, MemoryScope memory) {
    this.device = device;
    this.firstLatent = firstLatent;
    this.latents = latents;
    this.memory = memory;
    this.totals = new LatentTotals(device, latents, memory);
    this.entries = new EntriesByLatent(latents);
    this.statistics = new LatentStatistics(latents);
    this.mostUnread = mostUnread;
  }

  /**
   * An aggregator of nothing yet.
   *
   * @param device must stay open until this is closed
   * @param firstLatent of the range
   * @param latents how many it has
   */
  public static CudaLatentAggregator open(CudaDevice device, int firstLatent, int latents) {
    return open(device, firstLatent, latents, LatentTotals.MOST_ENTRIES);
  }

  /** As the other, with totals that are read before they hold more than so many entries. */
  static CudaLatentAggregator open(
      CudaDevice device, int firstLatent, int latents, int mostUnread) {
    return device.call(
        () ->
            MemoryScope.with(
                device,
                memory ->
                    new CudaLatentAggregator(device, firstLatent, latents, mostUnread, memory)));
  }

  @Override
  public void add(SparseLatents added, int contextLength, SequenceVisitor visitor) {
    int count = added.latents().length;
    if (count == 0) {
      entries.clear();
      return;
    }
    if (count > mostUnread - unread) {
      read();
    }
    AggregatedBatch room = room(added);
    room.fill(added, firstLatent);
    device.run(() -> room.aggregate(contextLength, totals));
    unread += count;
    room.putInto(entries);
    addFarBins(added);
    entries.forEachSequence(contextLength, visitor);
  }

  @Override
  public EntriesByLatent entries() {
    return entries;
  }

  @Override
  public LatentStatistics statistics() {
    if (unread > 0) {
      read();
    }
    return statistics;
  }

  /** How many entries have been added since the totals were last read. */
  int unread() {
    return unread;
  }

  @Override
  public void close() {
    device.run(
        () -> {
          if (batch != null) {
            batch.close();
          }
          memory.close();
        });
  }

  private void read() {
    totals.moveTo(statistics);
    unread = 0;
  }

  private void addFarBins(SparseLatents added) {
    float[] values = added.values();
    for (int e = 0; e < values.length; e++) {
      int bin = LatentStatistics.bin(values[e]);
      if (bin > LatentTotals.NEAR_BINS) {
        statistics.addToBin(added.latents()[e] - firstLatent, bin, 1);
      }
    }
  }

  private AggregatedBatch room(SparseLatents needed) {
    AggregatedBatch current = batch;
    if (current == null || !current.holds(needed)) {
      current = device.call(() -> reopen(needed));
      batch = current;
    }
    return current;
  }

  /** With a quarter more than is needed now. */
  private AggregatedBatch reopen(SparseLatents needed) {
    if (batch != null) {
      batch.close();
      batch = null;
    }
    int count = needed.latents().length;
    return AggregatedBatch.open(device, latents, Math.addExact(count, count / 4), needed.tokens());
  }
}
