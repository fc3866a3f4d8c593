// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Threads that run the model, a batch each. They never wait for each other, unlike the threads that
 * share one operation, which lose far more than their share where other work has the cores.
 */
final class ModelWorkers implements AutoCloseable {
  private static final int MOST_WAITING = 1000;

  private final ThreadPoolExecutor threads;

  ModelWorkers(String name, int count) {
    AtomicInteger number = new AtomicInteger();
    this.threads =
        new ThreadPoolExecutor(
            count,
            count,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MOST_WAITING),
            task -> {
              Thread thread = new Thread(task, name + "-" + number.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
  }

  <T> Future<T> submit(Callable<T> work) {
    return threads.submit(work);
  }

  /** Cancels what no thread has begun; what is under way goes on. May be called from any thread. */
  void cancelWaiting() {
    for (Runnable waiting = threads.getQueue().poll();
        waiting != null;
        waiting = threads.getQueue().poll()) {
      ((Future<?>) waiting).cancel(false);
    }
  }

  /** Waits until no thread uses the model any more. */
  @Override
  public void close() {
    cancelWaiting();
    threads.shutdown();
    boolean interrupted = false;
    boolean ended = false;
    while (!ended) {
      try {
        ended = threads.awaitTermination(1, TimeUnit.HOURS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
