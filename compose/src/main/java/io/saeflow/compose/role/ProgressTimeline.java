// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.sinks.Sinks;
import io.saeflow.sinks.view.ProgressLog;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;

/** Keeps, for the viewer, how the run went on over time; nothing if no viewer is asked for. */
public final class ProgressTimeline implements AutoCloseable {
  private static final Duration INTERVAL = Duration.ofSeconds(2);

  private final Optional<ProgressLog> log;
  private final RunGauges gauges;
  private final CompletableFuture<RunTotals> fed;
  private final long batchTokens;
  private long next = System.nanoTime();

  private ProgressTimeline(
      Optional<ProgressLog> log,
      RunGauges gauges,
      CompletableFuture<RunTotals> fed,
      long batchTokens) {
    this.log = log;
    this.gauges = gauges;
    this.fed = fed;
    this.batchTokens = batchTokens;
  }

  /** Opens the log that the viewer reads, if {@code sinks} write for it. */
  public static ProgressTimeline open(
      Sinks sinks, RunGauges gauges, CompletableFuture<RunTotals> fed, long batchTokens)
      throws IOException {
    return new ProgressTimeline(sinks.openProgressLog(), gauges, fed, batchTokens);
  }

  /** Adds a line if the last is some seconds old. */
  public void appendWhenDue() throws IOException {
    if (System.nanoTime() - next >= 0) {
      next = System.nanoTime() + INTERVAL.toNanos();
      append(false);
    }
  }

  /** Adds the last line. */
  public void appendComplete() throws IOException {
    append(true);
  }

  @Override
  public void close() throws IOException {
    if (log.isPresent()) {
      log.get().close();
    }
  }

  private void append(boolean complete) throws IOException {
    if (log.isPresent()) {
      log.get()
          .append(
              gauges.aggregatedTokens(),
              fed.isDone() && !fed.isCompletedExceptionally()
                  ? OptionalLong.of(fed.join().getTokens())
                  : OptionalLong.empty(),
              gauges.modelLag(batchTokens),
              gauges.featureLag(batchTokens),
              complete);
    }
  }
}
