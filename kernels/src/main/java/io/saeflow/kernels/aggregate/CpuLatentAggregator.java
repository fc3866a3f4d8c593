// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import io.saeflow.kernels.sae.SparseLatents;

/** Aggregates on the processor. */
public final class CpuLatentAggregator implements LatentAggregator {
  private final int firstLatent;
  private final int latents;
  private final EntriesByLatent entries;
  private final LatentStatistics statistics;

  /**
   * @param firstLatent of the range
   * @param latents how many it has
   */
  public CpuLatentAggregator(int firstLatent, int latents) {
    this.firstLatent = firstLatent;
    this.latents = latents;
    this.entries = new EntriesByLatent(latents);
    this.statistics = new LatentStatistics(latents);
  }

  @Override
  public void add(SparseLatents batch, int contextLength) {
    entries.regroup(batch, firstLatent);
    for (int f = 0; f < latents; f++) {
      int from = entries.start(f);
      int end = entries.start(f + 1);
      while (from < end) {
        from = addSequence(f, from, end, contextLength);
      }
    }
  }

  @Override
  public EntriesByLatent entries() {
    return entries;
  }

  @Override
  public LatentStatistics statistics() {
    return statistics;
  }

  @Override
  public void close() {}

  /**
   * Adds what the latent has in the sequence of entry {@code from}.
   *
   * @return where its entries in the sequence end
   */
  private int addSequence(int latent, int from, int end, int contextLength) {
    int sequenceEnd = (entries.token(from) / contextLength + 1) * contextLength;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    double sum4 = 0;
    int i = from;
    for (; i < end && entries.token(i) < sequenceEnd; i++) {
      float value = entries.value(i);
      double v = value;
      double square = v * v;
      sum1 += v;
      sum2 += square;
      sum3 += square * v;
      sum4 += square * square;
      if (value > 0) {
        statistics.addPositive(latent, value);
      }
    }
    statistics.addPowerSums(latent, sum1, sum2, sum3, sum4);
    return i;
  }
}
