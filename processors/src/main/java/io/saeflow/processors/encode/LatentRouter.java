// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.encode;

import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.ArrayList;
import java.util.List;

/** Splits a batch's latents by feature range, keeping the order within each token. */
final class LatentRouter {
  private final String sae;
  private final int latents;
  private final int ranges;

  LatentRouter(String sae, int latents, int ranges) {
    this.sae = sae;
    this.latents = latents;
    this.ranges = ranges;
  }

  /**
   * One message a range, empty ranges too: a range must see every batch to be complete.
   *
   * @param summary of the batch, which goes to every range
   */
  List<LatentBatch> route(TokenBatch batch, SparseLatents encoded, EncodingSummary summary) {
    int tokens = encoded.tokens();
    int[] offsets = encoded.offsets();
    // A token's latents ascend, so each range's are one stretch: find its end token by token.
    int[] from = new int[tokens];
    System.arraycopy(offsets, 0, from, 0, tokens);
    List<LatentBatch> routed = new ArrayList<>(ranges);
    for (int r = 0; r < ranges; r++) {
      FeatureRange range = new FeatureRange(r, ranges, latents);
      int[] to = new int[tokens];
      int[] rangeOffsets = new int[tokens + 1];
      for (int t = 0; t < tokens; t++) {
        int end = from[t];
        while (end < offsets[t + 1] && encoded.latents()[end] < range.to()) {
          end++;
        }
        to[t] = end;
        rangeOffsets[t + 1] = rangeOffsets[t] + end - from[t];
      }
      int[] rangeLatents = new int[rangeOffsets[tokens]];
      float[] rangeValues = new float[rangeOffsets[tokens]];
      for (int t = 0; t < tokens; t++) {
        int length = to[t] - from[t];
        System.arraycopy(encoded.latents(), from[t], rangeLatents, rangeOffsets[t], length);
        System.arraycopy(encoded.values(), from[t], rangeValues, rangeOffsets[t], length);
      }
      routed.add(
          new LatentBatch(batch, sae, range, summary, rangeOffsets, rangeLatents, rangeValues));
      from = to;
    }
    return routed;
  }
}
