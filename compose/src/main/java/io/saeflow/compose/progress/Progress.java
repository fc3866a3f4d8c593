// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.progress;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Shows how far a run is, on a thread of its own: on a terminal as one line that is redrawn a few
 * times a second, elsewhere as a line a minute. Closing it prints the last line.
 */
public final class Progress implements AutoCloseable {
  /** How lines appear. */
  public enum Style {
    /** One line, written over itself. */
    REDRAW(Duration.ofMillis(250)),
    /** Whole lines, for logs. */
    LINES(Duration.ofMinutes(1));

    private final Duration interval;

    Style(Duration interval) {
      this.interval = interval;
    }

    /** {@link #REDRAW} if the launcher found standard error to be a terminal. */
    public static Style ofTerminal() {
      return Boolean.getBoolean("saeflow.terminal") ? REDRAW : LINES;
    }
  }

  private final Supplier<ProgressSnapshot> source;
  private final Appendable target;
  private final Style style;
  private final LongSupplier nanoClock;
  private final ProgressLine line;
  private final CountDownLatch closed = new CountDownLatch(1);
  private CompletableFuture<Void> loop = CompletableFuture.completedFuture(null);
  private int drawn;

  Progress(
      Supplier<ProgressSnapshot> source, Appendable target, Style style, LongSupplier nanoClock) {
    this.source = source;
    this.target = target;
    this.style = style;
    this.nanoClock = nanoClock;
    this.line = new ProgressLine(nanoClock.getAsLong(), source.get().tokensDone());
  }

  /**
   * Begins to show {@code source}.
   *
   * @param source asked from another thread, a few times a second; must not block for long
   * @param target usually {@code System.err}
   */
  public static Progress start(Supplier<ProgressSnapshot> source, Appendable target, Style style) {
    Progress progress = new Progress(source, target, style, System::nanoTime);
    progress.loop = CompletableFuture.runAsync(progress::loop, Progress::startDaemon);
    return progress;
  }

  /** Stops and prints the last line. Closing twice is harmless. */
  @Override
  public void close() {
    if (closed.getCount() == 0) {
      return;
    }
    closed.countDown();
    // If it failed, the last line is drawn all the same.
    loop.handle((nothing, failure) -> true).join();
    draw(line.renderFinal(source.get(), nanoClock.getAsLong()), true);
  }

  /** Shows where the run is now. */
  void show() {
    draw(line.render(source.get(), nanoClock.getAsLong()), style == Style.LINES);
  }

  private static void startDaemon(Runnable task) {
    Thread thread = new Thread(task, "progress");
    thread.setDaemon(true);
    thread.start();
  }

  private void loop() {
    try {
      while (!closed.await(style.interval.toMillis(), TimeUnit.MILLISECONDS)) {
        show();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void draw(String text, boolean endOfLine) {
    StringBuilder out = new StringBuilder();
    if (style == Style.REDRAW) {
      out.append('\r');
    }
    out.append(text);
    // A shorter line must cover the rest of a longer one before it.
    out.append(" ".repeat(Math.max(0, drawn - text.length())));
    drawn = endOfLine ? 0 : text.length();
    if (endOfLine) {
      out.append(System.lineSeparator());
    }
    try {
      target.append(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
