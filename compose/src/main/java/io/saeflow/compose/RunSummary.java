// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.schemas.feature.EncodingStatistics;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * What a finished run did.
 *
 * @param documents read from the corpus
 * @param sequences run through the model
 * @param tokens in those sequences
 * @param elapsed from the first token to the last file
 * @param device what encoded, in one line; empty if the run had ended before
 * @param encodings what encoding came to, by autoencoder; empty if no sink reads feature records,
 *     or the run had ended before
 */
public record RunSummary(
    long documents,
    long sequences,
    long tokens,
    Duration elapsed,
    Optional<String> device,
    Map<String, EncodingStatistics> encodings) {
  /** Tokens a second over the whole run; 0 if no time passed. */
  public double tokensPerSecond() {
    return elapsed.isZero() ? 0 : tokens / (elapsed.toNanos() / 1e9);
  }
}
