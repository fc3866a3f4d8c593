// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import io.saeflow.kernels.sae.SparseLatents;

/** Aggregates on the processor. */
public final class CpuLatentAggregator implements LatentAggregator {
  private final int firstLatent;
  private final EntriesByLatent entries;
  private final LatentStatistics statistics;

  /**
   * @param firstLatent of the range
   * @param latents how many it has
   */
  public CpuLatentAggregator(int firstLatent, int latents) {
    this.firstLatent = firstLatent;
    this.entries = new EntriesByLatent(latents);
    this.statistics = new LatentStatistics(latents);
  }

  @Override
  public void add(SparseLatents batch, int contextLength, SequenceVisitor visitor) {
    entries.regroup(batch, firstLatent);
    entries.forEachSequence(
        contextLength,
        (latent, from, to) -> {
          addSequence(latent, from, to);
          visitor.visit(latent, from, to);
        });
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

  private void addSequence(int latent, int from, int to) {
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    double sum4 = 0;
    for (int i = from; i < to; i++) {
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
  }
}
