// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.status;

import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.compose.progress.StageLag;
import io.saeflow.schemas.feature.RunManifest;
import java.util.List;
import java.util.OptionalLong;

/**
 * How far a run is.
 *
 * @param manifest what it is
 * @param fedTokens tokens on the tokens topic; while it is being fed, whole batches are assumed
 * @param stages in the order of the flow; encode, unless the producers do, and aggregate once a
 *     generation, then the sinks
 * @param deadLetters messages that were set aside
 */
public record RunStatus(
    RunManifest manifest, long fedTokens, List<StageStatus> stages, long deadLetters) {
  public RunStatus {
    stages = List.copyOf(stages);
  }

  /** Whether the corpus has been read to its end. */
  public boolean fed() {
    return manifest.getTotals() != null;
  }

  /** Whether every stage has done all that there is. */
  public boolean complete() {
    return fed() && stages.stream().allMatch(stage -> stage.waiting() == 0);
  }

  /**
   * The tokens of the run's first autoencoders that are aggregated, and the batches that wait
   * before. Exact when nothing waits, else by the share of messages.
   */
  public ProgressSnapshot progress() {
    double batchTokens = (double) manifest.getBatchSize() * manifest.getContextLength();
    double modelled = fedTokens * share("produce");
    double aggregated = modelled * share("encode") * share("aggregate");
    return new ProgressSnapshot(
        Math.round(aggregated),
        fed() ? OptionalLong.of(fedTokens) : OptionalLong.empty(),
        List.of(
            new StageLag(ProgressSnapshot.MODEL, Math.round((fedTokens - modelled) / batchTokens)),
            new StageLag(
                ProgressSnapshot.FEATURES, Math.round((modelled - aggregated) / batchTokens))));
  }

  /** A stage that the run does not have is done with everything. */
  private double share(String stage) {
    return stages.stream()
        .filter(each -> each.stage().equals(stage))
        .mapToDouble(StageStatus::share)
        .findFirst()
        .orElse(1);
  }
}
