// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.progress.ProgressSnapshot;
import java.util.concurrent.CompletableFuture;

/** A role at work, on threads of its own. */
public interface RoleWork extends AutoCloseable {
  /**
   * Completes when nothing is left to do, which for most roles is never; fails when it cannot go
   * on.
   */
  CompletableFuture<?> done();

  /** How far it is. */
  ProgressSnapshot progress();

  /** What it has done, as a monitoring system sees it. */
  RunGauges gauges();

  /** Does what is due, on the thread that waits for it; called a few times a second. */
  default void tick() throws Exception {}

  /** Drains, commits and stops. */
  @Override
  void close() throws Exception;
}
