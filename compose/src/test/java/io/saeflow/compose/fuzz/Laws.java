// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What holds for a reader whatever its input: it throws nothing but its declared exception, with a
 * message; it allocates at most {@link #CONSTANT_BYTES} and the target's multiple of the input; it
 * ends within {@link #LIMIT_SECONDS}; and of files it opens only those that it may (the readers of
 * {@link Targets} look for a secret that lies outside of the folder).
 *
 * <p>Not safe for use by several threads.
 */
final class Laws implements AutoCloseable {
  /** Buffers and the like, whatever the input's size. */
  static final int CONSTANT_BYTES = 2 << 20;

  /** A thousand times what any input should need, since machines are busy. */
  static final int LIMIT_SECONDS = 20;

  private static final int WARM_UPS = 3;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Target target;
  private final Path folder;
  private final Path file;
  private final long neighbourBytes;
  private final ExecutorService executor;
  private volatile @Nullable Thread worker;
  private long read;
  private long refused;

  /**
   * Prepares a folder for the target's file.
   *
   * @param parent an existing folder, for this target alone; a file with a secret is put there
   */
  Laws(Target target, Path parent) throws IOException {
    this.target = target;
    this.folder = Files.createDirectories(parent.resolve("folder"));
    this.file = folder.resolve(target.file());
    Secret.write(parent.resolve(Secret.FILE));
    Files.createSymbolicLink(
        folder.resolve(Secret.LINK), parent.resolve(Secret.FILE).toAbsolutePath());
    long bytes = 0;
    for (Map.Entry<String, Path> neighbour : target.neighbours().entrySet()) {
      Path copy = Files.copy(neighbour.getValue(), folder.resolve(neighbour.getKey()));
      bytes += Files.size(copy);
    }
    this.neighbourBytes = bytes;
    this.executor =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread thread = new Thread(task, "fuzz-" + target.name());
              thread.setDaemon(true);
              worker = thread;
              return thread;
            });
    // Classes are loaded once, at the expense of no input.
    for (int i = 0; i < WARM_UPS; i++) {
      for (byte[] seed : target.seeds()) {
        run(seed, false);
      }
    }
    read = 0;
    refused = 0;
  }

  /** How many inputs were read to their end. */
  long read() {
    return read;
  }

  /** How many inputs were refused, with the declared exception. */
  long refused() {
    return refused;
  }

  /**
   * Reads one input.
   *
   * @throws AssertionError if a law is broken
   */
  void check(byte[] input) {
    run(input, true);
  }

  @Override
  public void close() {
    executor.shutdownNow();
    try (Stream<Path> all = Files.walk(folder.getParent())) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void run(byte[] input, boolean countMemory) {
    try {
      Files.write(file, input);
      long limit = CONSTANT_BYTES + target.multiple() * (neighbourBytes + input.length);
      executor
          .submit(() -> readOrRefuse(input, countMemory ? limit : Long.MAX_VALUE))
          .get(LIMIT_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new AssertionError("%s: %s".formatted(target.name(), e.getCause()), e.getCause());
    } catch (TimeoutException e) {
      Thread thread = worker;
      AssertionError hang =
          new AssertionError("%s: not done in %d s".formatted(target.name(), LIMIT_SECONDS));
      hang.setStackTrace(thread == null ? new StackTraceElement[0] : thread.getStackTrace());
      throw hang;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private @Nullable Void readOrRefuse(byte[] input, long limit) throws Exception {
    Allocation allocation = new Allocation(limit);
    try {
      target.reader().read(input, file, allocation::step);
      allocation.step();
      read++;
    } catch (Exception e) {
      if (!target.declared().isInstance(e)) {
        throw e;
      }
      allocation.step();
      if (e.getMessage() == null || e.getMessage().isBlank()) {
        throw new AssertionError("no message (expected: what is wrong, and where)", e);
      }
      refused++;
    }
    return null;
  }

  /** The bytes that this thread allocates, step by step. */
  private static final class Allocation {
    private final long limit;
    private long begin = THREADS.getCurrentThreadAllocatedBytes();

    Allocation(long limit) {
      this.limit = limit;
    }

    void step() {
      long end = THREADS.getCurrentThreadAllocatedBytes();
      if (end - begin > limit) {
        throw new AssertionError(
            "%d bytes allocated (expected: at most %d)".formatted(end - begin, limit));
      }
      begin = THREADS.getCurrentThreadAllocatedBytes();
    }
  }
}
