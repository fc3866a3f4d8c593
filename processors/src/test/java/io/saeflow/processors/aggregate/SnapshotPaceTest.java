// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class SnapshotPaceTest {
  private long now = Long.MAX_VALUE - 5; // a clock of nanoseconds may run over

  private final SnapshotPace pace = new SnapshotPace(() -> now, 3, 0);

  @Test
  void theFirstIsDueAfterSixteenBatches() {
    assertThat(pace.isDue(15)).isFalse();
    assertThat(pace.isDue(16)).isTrue();
  }

  @Test
  void aCheapOneIsFollowedByAnotherAfterTenSeconds() {
    pace.take(16, () -> pass(Duration.ofMillis(66)));
    pass(Duration.ofMillis(9_999));
    assertThat(pace.isDue(1_000)).isFalse();
    pass(Duration.ofMillis(1));
    assertThat(pace.isDue(1_000)).isTrue();
  }

  /** Half a second for one of three ranges is 1.5 seconds for all. */
  @Test
  void aDearOneIsFollowedByAnotherAfterFiftyTimesWhatAllRangesCost() {
    pace.take(16, () -> pass(Duration.ofMillis(500)));
    pass(Duration.ofMillis(74_999));
    assertThat(pace.isDue(1_000)).isFalse();
    pass(Duration.ofMillis(1));
    assertThat(pace.isDue(1_000)).isTrue();

    pace.take(1_000, () -> pass(Duration.ofMillis(100)));
    pass(Duration.ofSeconds(15));
    assertThat(pace.isDue(2_000)).as("only the last one's cost counts").isTrue();
  }

  @Test
  void oneOfLittleThatIsNewWaitsAnHour() {
    pace.take(1_000, () -> pass(Duration.ofMillis(1)));
    pass(Duration.ofMinutes(59));
    assertThat(pace.isDue(1_249)).isFalse();
    assertThat(pace.isDue(1_250)).isTrue();
    pass(Duration.ofMinutes(1));
    assertThat(pace.isDue(1_001)).isTrue();
  }

  /** As often as a task is moved, what it found is not sent at once. */
  @Test
  void whatIsFoundCountsAsSent() {
    SnapshotPace found = new SnapshotPace(() -> now, 3, 1_000);
    assertThat(found.isDue(2_000)).isFalse();
    pass(Duration.ofSeconds(10));
    assertThat(found.isDue(1_249)).isFalse();
    assertThat(found.isDue(1_250)).isTrue();

    SnapshotPace foundEarly = new SnapshotPace(() -> now, 3, 4);
    pass(Duration.ofSeconds(10));
    assertThat(foundEarly.isDue(15)).isFalse();
    assertThat(foundEarly.isDue(16)).isTrue();
  }

  private void pass(Duration time) {
    now += time.toNanos();
  }
}
