// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Says when a range that is still counting should send its records, for a live view: first after
 * {@value #FIRST_BATCHES} batches, and then when the time since the last snapshot is {@value
 * #COST_MULTIPLE} times what that one would have cost the thread for all ranges of the autoencoder,
 * since one thread may have them all. So the live view takes 1 / {@value #COST_MULTIPLE} of a
 * thread at most, however long the run and however large the autoencoder.
 */
final class SnapshotPace {
  /** Before that there is little to see. */
  private static final int FIRST_BATCHES = 16;

  /** A snapshot costs the broker and those who read it several times what it costs the thread. */
  private static final int COST_MULTIPLE = 50;

  /** As often as one commits by default: small snapshots cost nothing, but nobody reads faster. */
  private static final long LEAST_PAUSE = Duration.ofSeconds(10).toNanos();

  private final LongSupplier nanoClock;
  private final int ranges;

  /** Whether there was a snapshot. */
  private boolean begun;

  private long end;
  private long pause;

  /**
   * Before the first snapshot, whatever a predecessor sent.
   *
   * @param nanoClock as {@link System#nanoTime}
   * @param ranges of the autoencoder
   */
  SnapshotPace(LongSupplier nanoClock, int ranges) {
    this.nanoClock = nanoClock;
    this.ranges = ranges;
  }

  /**
   * Whether it is time for a snapshot.
   *
   * @param batches how many the range has seen
   */
  boolean isDue(long batches) {
    return batches >= FIRST_BATCHES && (!begun || nanoClock.getAsLong() - end >= pause);
  }

  /** Takes a snapshot, due or not, and notes what it cost. */
  void take(Runnable snapshot) {
    long start = nanoClock.getAsLong();
    snapshot.run();
    end = nanoClock.getAsLong();
    pause = Math.max(LEAST_PAUSE, COST_MULTIPLE * ranges * (end - start));
    begun = true;
  }
}
