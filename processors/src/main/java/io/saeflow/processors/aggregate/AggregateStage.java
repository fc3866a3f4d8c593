// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.kernels.device.LatentAggregators;
import io.saeflow.schemas.Topics;

/**
 * One autoencoder to keep statistics of.
 *
 * @param id the autoencoder's id
 * @param latents how many latents it has
 * @param ranges over how many partitions they are spread
 * @param contextLength tokens a sequence
 * @param aggregators makes the aggregator of each range
 */
public record AggregateStage(
    String id, int latents, int ranges, int contextLength, LatentAggregators aggregators) {
  public AggregateStage {
    Topics.requireSaeId(id);
    if (ranges < 1 || ranges > latents) {
      throw new IllegalArgumentException(
          "feature ranges of %s: %d (expected: 1 to its %d latents)"
              .formatted(id, ranges, latents));
    }
  }
}
