// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.browser;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.assertions.LocatorAssertions;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import com.microsoft.playwright.options.ColorScheme;
import io.saeflow.compose.Pipeline;
import io.saeflow.compose.RunSummary;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.demo.DemoRun;
import io.saeflow.sinks.view.Access;
import io.saeflow.sinks.view.ViewConfig;
import io.saeflow.sinks.view.ViewServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The viewer as a reader sees it, in Chromium: one run that is followed from its beginning, then
 * its pages. What they should show is read from the sae-viewer sink's files. Screenshots are left
 * in {@code target/screenshots}.
 */
class BrowserTest {
  private static final long TOKENS = 40_960;

  /** Part of some tokens of the text, and how a table's row shows one. */
  private static final String WORD = "the";

  private static final Pattern SHOWN = Pattern.compile(WORD, Pattern.CASE_INSENSITIVE);
  private static final int ROWS = 50;

  /** Three digits are shown. */
  private static final Percentage ROUNDED = Percentage.withPercentage(0.6);

  private static final String AXE = "/META-INF/resources/webjars/axe-core/4.6.3/axe.min.js";
  private static final Path SCREENSHOTS = Path.of("target", "screenshots");

  @TempDir static Path folder;

  private static Chromium chromium;
  private static ViewServer server;
  private static double[] densities;
  private static JsonNode strongest;
  private static int strongestIndex;

  /** What the tile of tokens said, one after the other, while the run went on. */
  private static List<String> tokensSeen;

  private final List<String> errors = new ArrayList<>();
  private Page page;

  @BeforeAll
  static void followARunToItsEnd() throws Exception {
    chromium = Chromium.launch();
    PlaywrightAssertions.setDefaultAssertionTimeout(20_000);
    Files.createDirectories(SCREENSHOTS);
    RunConfig config = DemoSlice.config(folder, TOKENS);
    CompletableFuture<ViewServer> serving = new CompletableFuture<>();
    CompletableFuture<RunSummary> run =
        CompletableFuture.supplyAsync(() -> run(config, serving))
            .whenComplete((summary, failure) -> failIfFailed(serving, failure));
    server = serving.get();
    tokensSeen = follow();
    run.get();
    readAtoms(DemoRun.atoms(config, DemoSlice.output(folder)));
  }

  @AfterAll
  static void stop() {
    if (server != null) {
      server.close();
    }
    if (chromium != null) {
      chromium.close();
    }
  }

  @AfterEach
  void noScriptFailed() {
    if (page != null) {
      page.context().close();
    }
    assertThat(errors).isEmpty();
  }

  @Test
  void numbersGrowDuringTheRunWithoutReloading() {
    List<Long> tokens =
        tokensSeen.stream().map(text -> Long.parseLong(text.replace(",", ""))).toList();

    assertThat(tokens).hasSizeGreaterThan(1).isSorted();
    assertThat(tokens.get(tokens.size() - 1)).isEqualTo(TOKENS);
  }

  @Test
  void theOverviewShowsTheRun() {
    open("/");

    assertThat(id("title")).hasText("demo");
    assertThat(id("facts")).containsText("blocks.2.hook_resid_post");
    assertThat(id("run-state")).hasText("complete");
    assertThat(id("stat-tokens")).containsText("40,960");
    long alive = Arrays.stream(densities).filter(density -> density > 0).count();
    assertThat(id("stat-alive").locator(".big")).hasText("%,d".formatted(alive));
    assertThat(id("stat-dead").locator(".big")).hasText("%,d".formatted(DemoSlice.LATENTS - alive));
    assertThat(id("stat-l0").locator(".big")).hasText(Pattern.compile("1\\d\\.\\d"));
    assertThat(id("stat-nmse").locator(".big")).hasText(Pattern.compile("0\\.\\d+"));
    assertThat(id("stat-dense").locator(".big"))
        .hasText(
            "%,d".formatted(Arrays.stream(densities).filter(density -> density > 0.1).count()));
    for (String plot : List.of("plot-rate", "plot-population")) {
      assertThat(id(plot).locator("path.line").first()).isVisible();
    }
    assertThat(id("plot-density").locator("rect.fill").first()).isVisible();
    assertThat(id("drift-rows").locator("li").first()).isVisible();
    assertThat(id("row")).hasCount(ROWS);
    screenshot("overview-light");
  }

  @ParameterizedTest
  @ValueSource(strings = {"index", "density", "max", "mean"})
  void theTableIsSortedByEachColumnBothWays(String column) {
    open("/?sort=" + (column.equals("index") ? "density" : "index"));
    Locator header = page.locator("thead th." + column);
    // Plots that come in above the table may move it from under a click.
    assertThat(id("plot-density").locator("rect.fill").first()).isVisible();
    assertThat(id("row").first()).isVisible();

    id("sort-" + column).click();
    assertThat(header).hasAttribute("aria-sort", Pattern.compile("ascending|descending"));
    boolean ascending = header.getAttribute("aria-sort").equals("ascending");
    assertSorted(column, ascending);

    id("sort-" + column).click();
    assertThat(header).hasAttribute("aria-sort", ascending ? "descending" : "ascending");
    assertSorted(column, !ascending);
  }

  @Test
  void theDensestFeatureComesFirst() {
    open("/");

    assertThat(id("row").first()).hasAttribute("data-index", String.valueOf(strongestIndex));
  }

  @Test
  void deadFeaturesCanBeHiddenAndShownAlone() {
    open("/");
    long alive = Arrays.stream(densities).filter(density -> density > 0).count();

    id("alive").getByText("Alive").click();
    assertThat(id("table-status")).hasText("1–50 of %,d".formatted(alive));
    id("alive").getByText("Dead").click();
    assertThat(id("table-status")).hasText("1–50 of %,d".formatted(DemoSlice.LATENTS - alive));
    assertThat(id("row").first()).containsText("never fired");
  }

  @Test
  void aBarOfTheDensityPlotFiltersTheTable() {
    open("/");
    assertThat(id("plot-density").locator("rect.fill").first()).isVisible();

    id("plot-density").locator(".stage").focus();
    page.keyboard().press("End");
    page.keyboard().press("Enter");

    assertThat(id("density-filter")).isVisible();
    double low = Double.parseDouble(query("minDensity"));
    double high = Double.parseDouble(query("maxDensity"));
    long expected =
        Arrays.stream(densities).filter(density -> density >= low && density <= high).count();
    assertThat(id("table-status")).hasText("1–%d of %d".formatted(expected, expected));

    id("density-filter").click();
    assertThat(id("table-status")).hasText("1–50 of 4,096");
  }

  @Test
  void aSearchFindsFeaturesByToken() {
    open("/");
    id("search").fill(WORD);

    assertThat(id("row").first().locator(".chip").first()).isVisible();
    assertThat(page).hasURL(Pattern.compile("q=" + WORD));
    assertThat(id("row").filter(new Locator.FilterOptions().setHasNotText(SHOWN))).hasCount(0);

    id("search").fill("no such token");
    assertThat(id("rows")).containsText("No feature matches");
    screenshot("overview-nothing-found");
    id("search").fill("17");
    assertThat(id("row")).hasCount(1);
    assertThat(id("row")).hasAttribute("data-index", "17");
  }

  @Test
  void theTableHasPages() {
    open("/?sort=index&order=asc");
    assertThat(id("page-previous")).isDisabled();

    id("page-next").click();
    assertThat(id("table-status")).hasText("51–100 of 4,096");
    assertThat(id("row").first()).hasAttribute("data-index", "50");
    id("page-previous").click();
    assertThat(id("row").first()).hasAttribute("data-index", "0");
    assertThat(id("page-previous")).isDisabled();
  }

  @Test
  void aFeatureOpensFromTheTableAndShowsItsNumbers() {
    open("/");
    id("row").first().click();

    assertThat(page).hasURL(Pattern.compile(feature(strongestIndex) + "$"));
    assertThat(id("title")).hasText("Feature %,d".formatted(strongestIndex));
    assertThat(id("feature-state")).hasText("complete");
    assertNumber("density", "density");
    assertNumber("mean", "mean_act");
    assertNumber("mean-square", "mean_act_squared");
    assertNumber("skew", "skew");
    assertNumber("kurtosis", "kurtosis");
    assertThat(id("raw")).hasAttribute("href", "/api" + feature(strongestIndex) + "/raw");
  }

  @Test
  void heatMapsShowEveryTokensActivation() {
    open(feature(strongestIndex));
    Locator sequences = id("top-rows").getByTestId("sequence");
    assertThat(sequences).hasCount(5);
    JsonNode first = strongest.path("top").path(0);
    Locator tokens = sequences.first().locator(".token");
    assertThat(tokens).hasCount(first.path("tokens").size());

    Locator peak = sequences.first().locator(".token.peak");
    peak.hover();
    assertThat(page.locator("#tip")).isVisible();
    assertThat(page.locator("#tip strong")).hasText(peak.getAttribute("data-activation"));
    assertThat(Double.parseDouble(peak.getAttribute("data-activation")))
        .isCloseTo(first.path("acts").path(first.path("idx").asInt()).asDouble(), ROUNDED);
    screenshot("feature-tooltip");

    id("top-more").click();
    assertThat(sequences).hasCount(strongest.path("top").size());
    assertThat(id("top-more")).isHidden();
    assertThat(id("random-rows").getByTestId("sequence")).hasCount(5);
    id("random-more").click();
    assertThat(id("random-rows").getByTestId("sequence")).hasCount(strongest.path("random").size());
  }

  @Test
  void lineBreaksAreShownOnDemand() {
    open(feature(strongestIndex));
    id("top-more").click();
    id("random-more").click();
    Locator breaks = page.locator(".break");
    assertThat(breaks.first()).isAttached();

    assertThat(breaks.first()).hasCSS("display", "none");
    id("line-breaks").check();
    assertThat(breaks.first()).hasCSS("display", "inline");
    page.reload();
    assertThat(id("line-breaks")).isChecked();
  }

  @Test
  void theHistogramHasABarForEveryBin() {
    open(feature(strongestIndex));

    assertThat(id("plot-histogram").locator("rect.fill")).hasCount(strongest.path("hist").size());
    assertThat(id("top-tokens").locator("li").first()).isVisible();
    assertThat(id("plot-history").locator(".line, .dot").first()).isAttached();
  }

  @Test
  void aNumericLabelIsALineAndATextualOneIsBars() {
    open(feature(strongestIndex));

    assertThat(id("plot-label-year").locator("path.line")).isVisible();
    assertThat(id("plot-label-party").locator("li")).hasCount(2);
    assertThat(id("plot-label-party")).containsText("Whig");
    id("plot-label-year").locator(".stage").focus();
    page.keyboard().press("Home");
    assertThat(page.locator("#tip")).containsText("year 1900");
  }

  @Test
  void featuresAreLeafedThrough() {
    open(feature(7));
    id("next").click();
    assertThat(id("title")).hasText("Feature 8");
    id("previous").click();
    assertThat(id("title")).hasText("Feature 7");
    page.locator("button[data-testid=random]").click();
    assertThat(id("title")).not().hasText("Feature 7");
    assertThat(id("title")).hasText(Pattern.compile("Feature [0-9,]+"));
    page.goBack();
    assertThat(id("title")).hasText("Feature 7");
    page.navigate(server.uri() + feature(0));
    assertThat(id("previous")).hasAttribute("aria-disabled", "true");
  }

  @Test
  void everythingCanBeReachedWithTheKeyboard() {
    open(feature(7));
    assertThat(id("title")).hasText("Feature 7");
    page.keyboard().press("ArrowRight");
    assertThat(id("title")).hasText("Feature 8");
    page.keyboard().press("ArrowLeft");
    assertThat(id("title")).hasText("Feature 7");
    page.keyboard().press("/");
    assertThat(id("search")).isFocused();
    page.keyboard().type(WORD);
    page.keyboard().press("Enter");
    assertThat(page).hasURL(Pattern.compile("q=" + WORD));
    awaitTable();
    id("row").first().locator("a").focus();
    page.keyboard().press("ArrowDown");
    assertThat(id("row").nth(1).locator("a")).isFocused();
    page.keyboard().press("Enter");
    assertThat(id("title")).hasText(Pattern.compile("Feature [0-9,]+"));
    page.keyboard().press("o");
    assertThat(id("search")).hasValue(WORD);
  }

  @Test
  void aHeatMapIsReadWithTheArrows() {
    open(feature(strongestIndex));
    Locator peak = id("top-rows").getByTestId("sequence").first().locator(".peak");
    peak.focus();
    assertThat(page.locator("#tip")).isVisible();
    page.keyboard().press("Home");

    Locator first = id("top-rows").getByTestId("sequence").first().locator(".token").first();
    assertThat(first).isFocused();
    assertThat(page.locator("#tip strong")).hasText(first.getAttribute("data-activation"));
    assertThat(id("title")).hasText("Feature %,d".formatted(strongestIndex));
  }

  @Test
  void anAddressOpensTheSameAnew() {
    open("/");
    id("sort-max").click();
    id("search").fill(WORD);
    assertThat(page).hasURL(Pattern.compile("q=" + WORD));
    awaitTable();
    String status = id("table-status").textContent();
    String address = page.url();
    page.context().close();

    page = chromium.page(1400, 900, ColorScheme.LIGHT);
    page.navigate(address);
    assertThat(id("search")).hasValue(WORD);
    assertThat(page.locator("th.max")).hasAttribute("aria-sort", "descending");
    assertThat(id("table-status")).hasText(status);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/saes/demo-4096/features/4096",
        "/saes/demo-4096/features/first",
        "/saes/another/features/1"
      })
  void whatIsNotThereIsSaidSo(String path) {
    open(path);

    assertThat(id("not-found")).containsText("Not found");
    screenshot("not-found");
    id("not-found").getByText("Go to the overview").click();
    assertThat(id("row")).hasCount(ROWS);
  }

  @Test
  void aDeadFeatureSaysThatItNeverFired() {
    int dead =
        IntStream.range(0, densities.length)
            .filter(i -> densities[i] == 0)
            .findFirst()
            .orElseThrow();
    open(feature(dead));

    assertThat(id("stat-density").locator(".big")).hasText("0");
    for (String part : List.of("plot-histogram", "top-tokens", "plot-label-year", "plot-history")) {
      assertThat(id(part)).containsText("It never fired.");
    }
    screenshot("feature-dead");
  }

  @Test
  void theThemeFollowsTheSystemUntilChosen() {
    open("/", 1400, 900, ColorScheme.DARK);
    assertThat(page.locator("body")).hasCSS("background-color", "rgb(19, 20, 22)");
    assertThat(id("row")).hasCount(ROWS);
    screenshot("overview-dark");

    id("theme").click();
    assertThat(page.locator("body")).hasCSS("background-color", "rgb(250, 249, 246)");
    page.reload();
    assertThat(page.locator("body")).hasCSS("background-color", "rgb(250, 249, 246)");
  }

  @ParameterizedTest
  @ValueSource(ints = {320, 390})
  void aPhoneNeverScrollsSideways(int width) {
    open("/", width, 844, ColorScheme.LIGHT);
    assertThat(id("row")).hasCount(ROWS);
    assertNotWide();
    screenshot("overview-phone-" + width);
    page.navigate(server.uri() + feature(strongestIndex));
    assertThat(id("plot-history")).isVisible();
    id("top-more").click();
    assertNotWide();
    screenshot("feature-phone-" + width);
    page.navigate(server.uri() + feature(DemoSlice.LATENTS));
    assertThat(id("not-found")).isVisible();
    assertNotWide();
  }

  @ParameterizedTest
  @EnumSource(
      value = ColorScheme.class,
      names = {"LIGHT", "DARK"})
  void noPageHasABarrier(ColorScheme scheme) throws IOException {
    for (int width : new int[] {1400, 390}) {
      open("/", width, 900, scheme);
      assertThat(id("row")).hasCount(ROWS);
      assertNoBarrier();
      page.navigate(server.uri() + feature(strongestIndex));
      assertThat(id("plot-history")).isVisible();
      assertNoBarrier();
      if (width == 1400) {
        screenshot("feature-" + (scheme == ColorScheme.DARK ? "dark" : "light"));
      }
      page.navigate(server.uri() + feature(DemoSlice.LATENTS));
      assertThat(id("not-found")).isVisible();
      assertNoBarrier();
      page.context().close();
    }
  }

  private static RunSummary run(RunConfig config, CompletableFuture<ViewServer> serving) {
    try {
      return new Pipeline()
          .run(
              config,
              DemoSlice.output(folder),
              out ->
                  serving.complete(
                      ViewServer.start(
                          new ViewConfig(
                              out, "127.0.0.1", 0, new Access.Local(), OptionalInt.empty()))));
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void failIfFailed(CompletableFuture<ViewServer> serving, Throwable failure) {
    if (failure != null) {
      serving.completeExceptionally(failure);
    }
  }

  /** A page that was loaded again would have forgotten what it saw. */
  private static List<String> follow() {
    Page page = chromium.page(1400, 900, ColorScheme.LIGHT);
    page.navigate(server.uri().toString());
    Locator tokens = page.getByTestId("stat-tokens").locator(".big");
    tokens.waitFor();
    tokens.evaluate(
        """
        tile => {
          window.seen = [];
          const see = () => tile.textContent !== '–' && seen.at(-1) !== tile.textContent
            && seen.push(tile.textContent);
          see();
          new MutationObserver(see).observe(tile, { childList: true, characterData: true, subtree: true });
        }
        """);
    assertThat(page.getByTestId("row").first())
        .isVisible(new LocatorAssertions.IsVisibleOptions().setTimeout(120_000));
    page.screenshot(
        new Page.ScreenshotOptions().setPath(SCREENSHOTS.resolve("overview-running.png")));
    assertThat(page.getByTestId("live"))
        .hasAttribute(
            "data-state",
            "complete",
            new LocatorAssertions.HasAttributeOptions().setTimeout(240_000));
    List<?> seen = (List<?>) page.evaluate("() => window.seen");
    page.context().close();
    return seen.stream().map(String.class::cast).toList();
  }

  private static void readAtoms(Path atoms) throws IOException {
    densities = new double[DemoSlice.LATENTS];
    for (int i = 0; i < densities.length; i++) {
      densities[i] = atom(atoms, i).path("density").asDouble();
    }
    strongestIndex =
        IntStream.range(0, densities.length)
            .boxed()
            .max(Comparator.comparingDouble(i -> densities[i]))
            .orElseThrow();
    strongest = atom(atoms, strongestIndex);
  }

  private static JsonNode atom(Path atoms, int index) throws IOException {
    return new ObjectMapper().readTree(atoms.resolve(index + ".json").toFile());
  }

  private static String feature(int index) {
    return "/saes/%s/features/%d".formatted(DemoSlice.SAE, index);
  }

  private void open(String path) {
    open(path, 1400, 900, ColorScheme.LIGHT);
  }

  private void open(String path, int width, int height, ColorScheme scheme) {
    page = chromium.page(width, height, scheme);
    page.onPageError(errors::add);
    page.onConsoleMessage(
        message -> {
          // That something is not there is an answer that a test asked for.
          if (message.type().equals("error") && !message.text().contains("status of 40")) {
            errors.add(message.text());
          }
        });
    page.navigate(server.uri() + path);
  }

  private Locator id(String testId) {
    return page.getByTestId(testId);
  }

  private String query(String name) {
    return (String) page.evaluate("name => new URLSearchParams(location.search).get(name)", name);
  }

  private void screenshot(String name) {
    page.screenshot(
        new Page.ScreenshotOptions()
            .setPath(SCREENSHOTS.resolve(name + ".png"))
            .setFullPage(!name.equals("feature-tooltip")));
  }

  /** The table is marked from the moment of a choice until its rows are there. */
  private void awaitTable() {
    assertThat(page.locator("table")).not().hasAttribute("aria-busy", "true");
  }

  /** Shown with three digits, and as nothing where it never fired. */
  private void assertSorted(String column, boolean ascending) {
    awaitTable();
    List<Double> values =
        page.locator("tbody tr > .%s".formatted(column)).allInnerTexts().stream()
            .map(text -> text.strip().replace(",", ""))
            .map(text -> text.equals("–") ? 0 : Double.parseDouble(text))
            .toList();
    assertThat(values).hasSize(ROWS);
    assertThat(values)
        .isSortedAccordingTo(ascending ? Comparator.naturalOrder() : Comparator.reverseOrder());
  }

  private void assertNumber(String tile, String atomField) {
    String shown = id("stat-" + tile).locator(".big").textContent().replace(",", "");
    assertThat(Double.parseDouble(shown))
        .as(tile)
        .isCloseTo(strongest.path(atomField).asDouble(), ROUNDED);
  }

  private void assertNotWide() {
    assertThat((int) page.evaluate("() => document.documentElement.scrollWidth - innerWidth"))
        .as(page.url())
        .isNotPositive();
  }

  /** What axe-core finds, by its rules for WCAG and good practice. */
  private void assertNoBarrier() throws IOException {
    try (InputStream script = BrowserTest.class.getResourceAsStream(AXE)) {
      page.evaluate(
          new String(Objects.requireNonNull(script, AXE).readAllBytes(), StandardCharsets.UTF_8));
    }
    Object violations =
        page.evaluate(
            """
            async () => (await axe.run()).violations.map(
              ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`)
            """);
    assertThat((List<?>) violations).as(page.url()).isEmpty();
  }
}
