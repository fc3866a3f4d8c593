// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import io.saeflow.schemas.feature.FeatureRecord;
import java.io.IOException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Writes a format's files on a thread of its own, in the order in which records come, so that
 * formats are written beside each other: at the end of a run all records come at once, and no other
 * stage has work any more.
 *
 * <p>Not more than a few records wait. What goes wrong comes out of the next call but {@link
 * #close}, and nothing is written after it.
 */
public final class ParallelSink implements FeatureSink {
  private static final int MOST_WAITING = 64;

  private final FeatureSink sink;
  private final ExecutorService thread;
  private final Semaphore room = new Semaphore(MOST_WAITING);
  private volatile @Nullable Throwable failure;

  /**
   * @param sink closed with this
   */
  public ParallelSink(FeatureSink sink) {
    this.sink = sink;
    this.thread =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread thread = new Thread(task, "sink " + sink.getClass().getSimpleName());
              thread.setDaemon(true);
              return thread;
            });
  }

  @Override
  public void write(FeatureRecord record) throws IOException {
    throwFailure();
    room.acquireUninterruptibly();
    thread.execute(
        () -> {
          try {
            if (failure == null) {
              sink.write(record);
            }
          } catch (IOException | RuntimeException | Error e) {
            failure = e;
          } finally {
            room.release();
          }
        });
  }

  @Override
  public void flush() throws IOException {
    room.acquireUninterruptibly(MOST_WAITING);
    room.release(MOST_WAITING);
    throwFailure();
    sink.flush();
  }

  /** Waits until what was handed over is written. */
  @Override
  public void close() throws IOException {
    thread.shutdown();
    boolean interrupted = false;
    boolean ended = false;
    while (!ended) {
      try {
        ended = thread.awaitTermination(1, TimeUnit.HOURS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    sink.close();
  }

  private void throwFailure() throws IOException {
    Throwable cause = failure;
    if (cause instanceof IOException e) {
      throw new IOException(e.getMessage(), e);
    }
    if (cause != null) {
      throw new IllegalStateException("sink: " + cause, cause);
    }
  }
}
