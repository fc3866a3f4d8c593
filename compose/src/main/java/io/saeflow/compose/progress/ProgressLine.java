// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.progress;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;

/**
 * Turns snapshots into text. The rate is that of the last half minute, so that it follows the
 * machine; the final one is that of the whole run. Not safe for use by several threads.
 */
final class ProgressLine {
  private static final long RATE_WINDOW = Duration.ofSeconds(30).toNanos();

  private record Sample(long nanos, long tokens) {}

  private final Deque<Sample> recent = new ArrayDeque<>();
  private final Sample first;

  ProgressLine(long startNanos, long tokensAtStart) {
    first = new Sample(startNanos, tokensAtStart);
    recent.add(first);
  }

  /** The line for {@code snapshot}, taken at {@code nanos}. */
  String render(ProgressSnapshot snapshot, long nanos) {
    recent.addLast(new Sample(nanos, snapshot.tokensDone()));
    while (recent.size() > 2 && nanos - recent.getFirst().nanos() > RATE_WINDOW) {
      recent.removeFirst();
    }
    double rate = rate(recent.getFirst(), recent.getLast());
    List<String> parts = progress(snapshot, rate);
    if (snapshot.tokensTotal().isPresent() && rate > 0) {
      long left = Math.max(0, snapshot.tokensTotal().getAsLong() - snapshot.tokensDone());
      parts.add("ETA " + duration(Math.round(left / rate)));
    }
    if (!snapshot.lags().isEmpty()) {
      List<String> lags = new ArrayList<>();
      snapshot.lags().forEach(lag -> lags.add(lag.stage() + " " + lag.batches()));
      parts.add("batches waiting: " + String.join(", ", lags));
    }
    return String.join("  ", parts);
  }

  /** The line after the run: average rate and elapsed time. */
  String renderFinal(ProgressSnapshot snapshot, long nanos) {
    List<String> parts = progress(snapshot, rate(first, new Sample(nanos, snapshot.tokensDone())));
    parts.add("in " + duration(Math.round((nanos - first.nanos()) / 1e9)));
    return String.join("  ", parts);
  }

  private static List<String> progress(ProgressSnapshot snapshot, double rate) {
    List<String> parts = new ArrayList<>();
    long done = snapshot.tokensDone();
    if (snapshot.tokensTotal().isPresent()) {
      long total = snapshot.tokensTotal().getAsLong();
      long percent = total == 0 ? 100 : Math.min(100, done * 100 / total);
      parts.add(format("%,d of %,d tokens", done, total));
      parts.add(percent + "%");
    } else {
      parts.add(format("%,d tokens", done));
    }
    parts.add(format("%,d tokens/s", Math.round(rate)));
    return parts;
  }

  private static double rate(Sample from, Sample to) {
    long nanos = to.nanos() - from.nanos();
    return nanos <= 0 ? 0 : (to.tokens() - from.tokens()) / (nanos / 1e9);
  }

  private static String duration(long seconds) {
    if (seconds < 60) {
      return seconds + "s";
    }
    if (seconds < 3600) {
      return format("%dm %02ds", seconds / 60, seconds % 60);
    }
    return format("%dh %02dm", seconds / 3600, seconds % 3600 / 60);
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
