// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Says when a range that is still counting should send the records that changed, for a live view:
 * from batch {@value #FIRST_BATCHES} on, and after a first time whenever both
 *
 * <ul>
 *   <li>{@value #COST_MULTIPLE} times what the last snapshot cost the thread has passed, as if the
 *       thread had all ranges of all autoencoders, since it may have; so snapshots take 1 / {@value
 *       #COST_MULTIPLE} of a thread at most;
 *   <li>the range has seen a quarter more batches than at the last snapshot, or an hour has passed.
 *       Who keeps every snapshot, as the viewer's log does, so keeps few of the first hours, and
 *       then one an hour.
 * </ul>
 *
 * <p>What a task finds when it starts anew counts as a snapshot just taken, so that tasks that are
 * moved or restarted again and again do not send all they have each time.
 */
final class SnapshotPace {
  /** Before that there is little to see. */
  private static final int FIRST_BATCHES = 16;

  /** Writing and reading a snapshot costs the broker and the sinks several times as much. */
  private static final int COST_MULTIPLE = 50;

  /** As often as commits come by default. */
  private static final long LEAST_PAUSE = Duration.ofSeconds(10).toNanos();

  private static final double GROWTH = 1.25;
  private static final long LONGEST_WITHOUT_GROWTH = Duration.ofHours(1).toNanos();

  private final LongSupplier nanoClock;
  private final int ranges;

  /** At the last snapshot; 0 before there was one. */
  private long batches;

  /** Of the last snapshot, by the clock. */
  private long end;

  /** From it to the next at least. */
  private long pause = LEAST_PAUSE;

  /**
   * A pace from now on.
   *
   * @param nanoClock as {@link System#nanoTime}
   * @param ranges of all autoencoders
   * @param batchesFound how many the range has seen before; 0 if it is new
   */
  SnapshotPace(LongSupplier nanoClock, int ranges, long batchesFound) {
    this.nanoClock = nanoClock;
    this.ranges = ranges;
    this.batches = batchesFound;
    this.end = nanoClock.getAsLong();
  }

  /**
   * Whether it is time for a snapshot.
   *
   * @param batchesNow how many the range has seen
   */
  boolean isDue(long batchesNow) {
    if (batches == 0 || batchesNow < FIRST_BATCHES) {
      return batchesNow >= FIRST_BATCHES;
    }
    long waited = nanoClock.getAsLong() - end;
    return waited >= pause && (batchesNow >= GROWTH * batches || waited >= LONGEST_WITHOUT_GROWTH);
  }

  /**
   * Takes a snapshot, due or not, and notes what it cost.
   *
   * @param batchesNow how many the range has seen
   */
  void take(long batchesNow, Runnable snapshot) {
    long start = nanoClock.getAsLong();
    snapshot.run();
    end = nanoClock.getAsLong();
    pause = Math.max(LEAST_PAUSE, COST_MULTIPLE * ranges * (end - start));
    batches = batchesNow;
  }
}
