// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.progress;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private static final List<StageLag> LAGS =
      List.of(new StageLag("encode", 3), new StageLag("aggregate", 0));

  private long now = 5_000_000_000L;
  private ProgressSnapshot snapshot = at(0);
  private final StringBuilder out = new StringBuilder();

  @Test
  void aLineSaysTokensPercentRateEtaAndLag() {
    Progress progress = progress(Progress.Style.LINES);
    pass(Duration.ofSeconds(10), at(25_000));
    progress.show();

    // 25,000 tokens in 10 s; 75,000 left at 2,500 a second.
    assertThat(out)
        .hasToString(
            "25,000 of 100,000 tokens  25%  2,500 tokens/s  ETA 30s  batches waiting: encode 3, aggregate 0"
                + System.lineSeparator());
  }

  @Test
  void withoutATotalThereIsNoPercentAndNoEta() {
    Progress progress = progress(Progress.Style.LINES);
    pass(Duration.ofSeconds(2), new ProgressSnapshot(1_000, OptionalLong.empty(), List.of()));
    progress.show();

    assertThat(out).hasToString("1,000 tokens  500 tokens/s" + System.lineSeparator());
  }

  @Test
  void theRateIsThatOfTheLastHalfMinuteAndTheFinalOneTheAverage() {
    Progress progress = progress(Progress.Style.LINES);
    pass(Duration.ofSeconds(40), at(4_000));
    progress.show();
    pass(Duration.ofSeconds(20), at(24_000));
    progress.show();
    pass(Duration.ofSeconds(60), at(96_000));
    progress.close();

    assertThat(out.toString().lines())
        .satisfiesExactly(
            line -> assertThat(line).contains("  100 tokens/s  ETA 16m 00s"),
            line -> assertThat(line).contains("  1,000 tokens/s  ETA 1m 16s"),
            line ->
                assertThat(line)
                    .isEqualTo("96,000 of 100,000 tokens  96%  800 tokens/s  in 2m 00s"));
  }

  @Test
  void nothingDoneYetHasNoEta() {
    Progress progress = progress(Progress.Style.LINES);
    pass(Duration.ofSeconds(1), at(0));
    progress.show();

    assertThat(out.toString()).contains("0 tokens/s").doesNotContain("ETA");
  }

  @Test
  void onATerminalAShorterLineCoversALongerOne() {
    Progress progress = progress(Progress.Style.REDRAW);
    pass(Duration.ofSeconds(10), at(25_000));
    progress.show();
    int longer = out.length();
    pass(
        Duration.ofSeconds(10), new ProgressSnapshot(100_000, OptionalLong.of(100_000), List.of()));
    progress.close();

    String second = out.substring(longer);
    assertThat(out.toString()).startsWith("\r25,000 of");
    assertThat(second)
        .startsWith("\r100,000 of 100,000 tokens  100%")
        .endsWith(System.lineSeparator());
    assertThat(second.stripTrailing().length()).isLessThan(longer);
    assertThat(second.length()).isEqualTo(longer + System.lineSeparator().length());
  }

  @Test
  void closingTwicePrintsOneLastLine() throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(3);
    StringBuilder shared = new StringBuilder();
    Progress progress =
        Progress.start(
            () -> {
              asked.countDown();
              return at(100_000);
            },
            shared,
            Progress.Style.REDRAW);
    assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();
    progress.close();
    progress.close();

    assertThat(shared.toString().split("  in ", -1)).hasSize(2);
  }

  private Progress progress(Progress.Style style) {
    return new Progress(() -> snapshot, out, style, () -> now);
  }

  private void pass(Duration time, ProgressSnapshot next) {
    now += time.toNanos();
    snapshot = next;
  }

  private static ProgressSnapshot at(long tokens) {
    return new ProgressSnapshot(tokens, OptionalLong.of(100_000), LAGS);
  }
}
