// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Ctrl-C or SIGTERM: asks the run to stop, and keeps the process until it has. */
public final class StopSignal implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final CountDownLatch stopped = new CountDownLatch(1);
  private final Thread hook = new Thread(this::stop, "stop");
  private volatile boolean requested;

  /** Begins to listen for the signal. */
  public static StopSignal install() {
    StopSignal signal = new StopSignal();
    Runtime.getRuntime().addShutdownHook(signal.hook);
    return signal;
  }

  /** Whether this process has been asked to stop. */
  public boolean requested() {
    return requested;
  }

  /** Says that the run has stopped. */
  @Override
  public void close() {
    stopped.countDown();
    if (!requested) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The JVM is going down already, and the hook has nothing left to wait for.
      }
    }
  }

  private void stop() {
    requested = true;
    try {
      stopped.await(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
