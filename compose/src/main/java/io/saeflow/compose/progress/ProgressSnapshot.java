// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.progress;

import java.util.List;
import java.util.OptionalLong;

/**
 * How far a run is at one moment.
 *
 * @param tokensDone tokens that have passed the stage that is measured
 * @param tokensTotal tokens of the whole run, where that is known
 * @param lags the stages, in the order of the flow
 */
public record ProgressSnapshot(long tokensDone, OptionalLong tokensTotal, List<StageLag> lags) {
  /** The stage that tokens wait for. */
  public static final String MODEL = "model";

  /** The stages that activations wait for. */
  public static final String FEATURES = "features";

  public ProgressSnapshot {
    lags = List.copyOf(lags);
  }

  /** How many batches {@code stage} is behind; 0 if nothing is known of it. */
  public long lag(String stage) {
    return lags.stream()
        .filter(lag -> lag.stage().equals(stage))
        .mapToLong(StageLag::batches)
        .sum();
  }
}
