// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.browser;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ColorScheme;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;

/**
 * The machine's own Chromium, without a window. Where there is none the tests are skipped, or fail
 * with {@code -Dsaeflow.chromium.required=true}; {@code -Dsaeflow.chromium=PATH} names another.
 */
final class Chromium implements AutoCloseable {
  private static final List<Path> USUAL =
      List.of(
          Path.of("/usr/bin/chromium"),
          Path.of("/usr/bin/chromium-browser"),
          Path.of("/usr/bin/google-chrome"));

  private static final List<String> FLAGS =
      List.of(
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync");

  private final Playwright playwright;
  private final Browser browser;

  private Chromium(Playwright playwright, Browser browser) {
    this.playwright = playwright;
    this.browser = browser;
  }

  /** Starts it with a profile of its own. For one thread. */
  static Chromium launch() {
    Path executable = require();
    Playwright playwright =
        Playwright.create(
            new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
    try {
      return new Chromium(
          playwright,
          playwright
              .chromium()
              .launch(
                  new BrowserType.LaunchOptions().setExecutablePath(executable).setArgs(FLAGS)));
    } catch (RuntimeException e) {
      playwright.close();
      throw e;
    }
  }

  /** An empty page in a context of its own, of this size in CSS pixels. */
  Page page(int width, int height, ColorScheme scheme) {
    BrowserContext context =
        browser.newContext(
            new Browser.NewContextOptions()
                .setViewportSize(width, height)
                .setColorScheme(scheme)
                .setLocale("en-GB"));
    context.setDefaultTimeout(60_000);
    return context.newPage();
  }

  @Override
  public void close() {
    playwright.close();
  }

  private static Path require() {
    String named = System.getProperty("saeflow.chromium");
    List<Path> places = named == null ? USUAL : List.of(Path.of(named));
    Optional<Path> found = places.stream().filter(Files::isExecutable).findFirst();
    if (found.isEmpty()) {
      String why = "Chromium: none of %s (expected: one, or -Dsaeflow.chromium)".formatted(places);
      if (Boolean.getBoolean("saeflow.chromium.required")) {
        throw new AssertionError(why);
      }
      Assumptions.abort(why);
    }
    return found.get();
  }
}
