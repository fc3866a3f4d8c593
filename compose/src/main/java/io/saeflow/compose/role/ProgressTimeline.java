// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.sinks.Sinks;
import io.saeflow.sinks.view.ProgressLog;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;

/** Keeps, for the viewer, how the run went on over time; nothing if no viewer is asked for. */
public final class ProgressTimeline implements AutoCloseable {
  private static final Duration INTERVAL = Duration.ofSeconds(2);

  private final Optional<ProgressLog> log;
  private final Supplier<ProgressSnapshot> progress;
  private long next = System.nanoTime();

  private ProgressTimeline(Optional<ProgressLog> log, Supplier<ProgressSnapshot> progress) {
    this.log = log;
    this.progress = progress;
  }

  /** Opens the log that the viewer reads, if {@code sinks} write for it. */
  public static ProgressTimeline open(Sinks sinks, Supplier<ProgressSnapshot> progress)
      throws IOException {
    return new ProgressTimeline(sinks.openProgressLog(), progress);
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
      ProgressSnapshot now = progress.get();
      log.get()
          .append(
              now.tokensDone(),
              now.tokensTotal(),
              now.lag(ProgressSnapshot.MODEL),
              now.lag(ProgressSnapshot.FEATURES),
              complete);
    }
  }
}
