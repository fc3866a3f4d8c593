// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.progress.ProgressSnapshot;
import java.util.concurrent.CompletableFuture;

/**
 * Writes what a viewer reads, and serves it.
 *
 * @param sink writes for the viewer
 * @param server serves the sink's folder once something is in it
 */
public record ViewRole(SinkRole sink, Server server) implements Role {
  /** Starts a server. */
  @FunctionalInterface
  public interface Server {
    /** Serves until what is returned is closed. */
    AutoCloseable start() throws Exception;
  }

  @Override
  public RoleWork begin(RunContext run) throws Exception {
    RoleWork work = sink.begin(run);
    boolean begun = false;
    try {
      AutoCloseable served = server.start();
      begun = true;
      return new Work(work, served);
    } finally {
      if (!begun) {
        work.close();
      }
    }
  }

  private record Work(RoleWork sink, AutoCloseable server) implements RoleWork {
    @Override
    public CompletableFuture<?> done() {
      return sink.done();
    }

    @Override
    public ProgressSnapshot progress() {
      return sink.progress();
    }

    @Override
    public RunGauges gauges() {
      return sink.gauges();
    }

    @Override
    public void tick() throws Exception {
      sink.tick();
    }

    @Override
    public void close() throws Exception {
      try (sink) {
        server.close();
      }
    }
  }
}
