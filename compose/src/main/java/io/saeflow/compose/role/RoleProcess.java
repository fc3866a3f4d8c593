// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.StreamConfig;
import io.saeflow.compose.metrics.MetricsServer;
import io.saeflow.compose.progress.Progress;
import io.saeflow.schemas.Topics;
import java.time.Duration;
import java.util.Map;

/** A process that does one role of a run. */
public final class RoleProcess {
  private static final Duration TICK = Duration.ofMillis(250);

  private RoleProcess() {}

  /**
   * Waits until the run is there, then does the role until it is done, fails, or the process is
   * asked to stop. Shows progress on standard error.
   *
   * @throws io.saeflow.compose.config.BadInputException if what the role was given is not the run's
   * @throws Exception if it cannot go on
   */
  public static void run(StreamConfig stream, String run, Role role) throws Exception {
    try (StopSignal stop = StopSignal.install()) {
      Map<String, Object> kafka = stream.clients(stream.bootstrapServers());
      RunContext context;
      try (RunWait wait = new RunWait(kafka, new Topics(run), stop, System.err)) {
        context = new RunContext(kafka, wait.forManifest());
      } catch (StoppedException e) {
        return;
      }
      try (RoleWork work = role.begin(context);
          Progress progress =
              Progress.start(work::progress, System.err, Progress.Style.ofTerminal());
          AutoCloseable metrics = MetricsServer.startIfAsked(stream.metricsPort(), work.gauges())) {
        while (!work.done().isDone() && !stop.requested()) {
          work.tick();
          Thread.sleep(TICK.toMillis());
        }
        Failures.throwIfFailed(work.done());
      }
    }
  }
}
