// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Shares the tokens of a strip among threads, the caller's among them.
 *
 * @param <W> what each thread works with
 */
final class TokenWorkers<W> implements AutoCloseable {
  private static final int CHUNK = 16;

  private final List<W> workers = new ArrayList<>();
  private final @Nullable ExecutorService others;

  /**
   * @param threads at least 1
   * @param worker makes the worker of a thread
   */
  TokenWorkers(int threads, IntFunction<W> worker) {
    for (int i = 0; i < threads; i++) {
      workers.add(worker.apply(i));
    }
    this.others =
        threads == 1
            ? null
            : Executors.newFixedThreadPool(
                threads - 1,
                task -> {
                  Thread thread = new Thread(task, "sae-encoder");
                  thread.setDaemon(true);
                  return thread;
                });
  }

  interface Task<W> {
    /** Does its work for tokens {@code from} to {@code to - 1}. */
    void run(W worker, int from, int to);
  }

  /** Returns when the task has been run for all tokens, each once. */
  void forEach(int tokens, Task<W> task) {
    if (others == null || tokens <= CHUNK) {
      task.run(workers.get(0), 0, tokens);
      return;
    }
    AtomicInteger next = new AtomicInteger();
    List<Future<?>> running = new ArrayList<>();
    for (int i = 1; i < workers.size(); i++) {
      W worker = workers.get(i);
      running.add(others.submit(() -> takeChunks(worker, next, tokens, task)));
    }
    takeChunks(workers.get(0), next, tokens, task);
    for (Future<?> other : running) {
      join(other);
    }
  }

  @Override
  public void close() {
    if (others != null) {
      others.shutdown();
    }
  }

  private static <W> void takeChunks(W worker, AtomicInteger next, int tokens, Task<W> task) {
    for (int from = next.getAndAdd(CHUNK); from < tokens; from = next.getAndAdd(CHUNK)) {
      task.run(worker, from, Math.min(from + CHUNK, tokens));
    }
  }

  /** Goes on waiting when interrupted, since the others write to shared arrays. */
  private static void join(Future<?> other) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          other.get();
          return;
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw new IllegalStateException("encoder thread: failed (expected: a result)", e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
