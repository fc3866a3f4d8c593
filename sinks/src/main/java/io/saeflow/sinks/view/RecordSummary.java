// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.feature.EncodingStatistics;
import java.util.List;

/**
 * What is kept in memory of one version of a feature's record.
 *
 * @param statistics of all features, as of the record's tokens
 * @param sum1 sum of the activations; may be NaN
 * @param topTokens ids, strongest first
 * @param drifts one for each label field whose values the feature can be compared by
 */
record RecordSummary(
    int latent,
    boolean complete,
    EncodingStatistics statistics,
    long active,
    float max,
    double sum1,
    List<Integer> topTokens,
    List<LabelDrift> drifts) {
  /** Tokens counted. */
  long tokens() {
    return statistics.tokens();
  }
}
