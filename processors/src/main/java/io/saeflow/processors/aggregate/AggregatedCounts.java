// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.aggregate.LatentStatistics;
import java.nio.ByteBuffer;

/** The {@link LatentStatistics} of an aggregator, wherever it keeps them, as they are saved. */
final class AggregatedCounts implements FeatureStates {
  private final LatentAggregator aggregator;

  AggregatedCounts(LatentAggregator aggregator) {
    this.aggregator = aggregator;
  }

  @Override
  public int bytes(int feature) {
    return aggregator.statistics().bytes(feature);
  }

  @Override
  public void writeTo(ByteBuffer out, int feature) {
    aggregator.statistics().writeTo(out, feature);
  }

  @Override
  public void readFrom(ByteBuffer in, int feature) {
    aggregator.statistics().readFrom(in, feature);
  }
}
