// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.browser;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.ColorScheme;
import io.saeflow.compose.Pipeline;
import io.saeflow.compose.RunListener;
import io.saeflow.compose.cli.Saeflow;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.view.ViewSink;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures {@code saeflow view}, in a process of its own with a heap of 1 GB, on 131,072 features:
 * those of a run, 32 times over. Prints what it finds; asserts no times. Takes minutes and some
 * gigabytes of disk.
 */
@EnabledIfSystemProperty(
    named = "saeflow.view.scale",
    matches = "true",
    disabledReason = "a measurement, run with -Dsaeflow.view.scale=true")
class BrowserScaleTest {
  private static final long TOKENS = 200_000;
  private static final int COPIES = 32;
  private static final int LATENTS = COPIES * DemoSlice.LATENTS;

  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  /** Waits for the first row; says how long after the answer began it was there. */
  private static final String INTERACTIVE =
      """
      () => new Promise((resolve) => {
        const check = () => {
          const row = document.querySelector('[data-testid=row] a');
          if (row) resolve(performance.now() - performance.getEntriesByType('navigation')[0].responseStart);
          else requestAnimationFrame(check);
        };
        check();
      })
      """;

  /** Sorts by a column and waits until the table shows it. */
  private static final String SORT =
      """
      (column) => new Promise((resolve) => {
        const before = document.querySelector('[data-testid=row]').dataset.index;
        const start = performance.now();
        document.querySelector(`[data-testid=sort-${column}]`).click();
        const check = () => {
          if (document.querySelector('[data-testid=row]').dataset.index !== before) resolve(performance.now() - start);
          else requestAnimationFrame(check);
        };
        check();
      })
      """;

  @TempDir Path folder;

  @Test
  void aLargeAutoencoderIsServedToABrowser() throws Exception {
    try (Chromium chromium = Chromium.launch()) {
      Path out = folder.resolve("out");
      new Pipeline()
          .run(DemoSlice.config(folder, TOKENS), DemoSlice.output(folder), RunListener.NONE);
      multiply(out);
      Process server = serve(out);
      try (BufferedReader said = server.errorReader()) {
        URI uri = URI.create(said.readLine().replace("viewer at ", ""));
        String cold = visit(chromium, uri);
        while (!get(uri, "/api/saes/demo-4096/features?limit=1").contains(":" + LATENTS + ",")) {
          Thread.sleep(100);
        }
        System.out.printf(
            "%,d features, log of %,d MB; browser, server just started: %s; all read: %s; once"
                + " more: %s; a feature: %s; server: %s%n",
            LATENTS,
            Files.size(records(out)) >> 20,
            cold,
            visit(chromium, uri),
            visit(chromium, uri),
            features(uri),
            memory(server.pid()));
      } finally {
        server.destroy();
        server.waitFor();
      }
    }
  }

  private static Path records(Path out) {
    return out.resolve("view/demo-4096.records");
  }

  /** Each feature's last record, for 32 features. */
  private static void multiply(Path out) throws Exception {
    Map<Integer, FeatureRecord> last = new TreeMap<>();
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(records(out))))) {
      while (in.available() > 0) {
        FeatureRecord record = AvroCodec.FEATURE.decode(in.readNBytes(in.readInt()));
        last.put(record.getLatent(), record);
      }
    }
    assertThat(last).hasSize(DemoSlice.LATENTS);
    try (ViewSink sink = new ViewSink(new OutputFolder(out), DemoSlice.SAE, LATENTS)) {
      for (int latent = 0; latent < LATENTS; latent++) {
        FeatureRecord record =
            FeatureRecord.newBuilder(last.get(latent % DemoSlice.LATENTS))
                .setLatent(latent)
                .build();
        sink.add(record, AvroCodec.FEATURE.encode(record));
      }
    }
    ObjectMapper json = new ObjectMapper();
    Path file = out.resolve("view/run.json");
    ObjectNode run = (ObjectNode) json.readTree(file.toFile());
    ((ObjectNode) run.path("saes").path(0)).put("latents", LATENTS);
    json.writeValue(file.toFile(), run);
  }

  private static Process serve(Path out) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx1g",
            "-cp",
            System.getProperty("java.class.path"),
            Saeflow.class.getName(),
            "view",
            "--out",
            out.toString(),
            "--port",
            "0")
        .start();
  }

  private static String visit(Chromium chromium, URI uri) {
    Page page = chromium.page(1400, 900, ColorScheme.LIGHT);
    page.navigate(uri.toString());
    double shown = ((Number) page.evaluate(INTERACTIVE)).doubleValue();
    double byMax = ((Number) page.evaluate(SORT, "max")).doubleValue();
    double byIndex = ((Number) page.evaluate(SORT, "index")).doubleValue();
    page.context().close();
    return "interactive %.0f ms after the answer, sorted by max in %.0f ms, by index in %.0f ms"
        .formatted(shown, byMax, byIndex);
  }

  private static String features(URI uri) throws Exception {
    Random random = new Random(7);
    double[] millis = new double[200];
    for (int i = 0; i < millis.length; i++) {
      String path = "/api/saes/demo-4096/features/" + random.nextInt(LATENTS);
      long start = System.nanoTime();
      get(uri, path);
      millis[i] = (System.nanoTime() - start) / 1e6;
    }
    Arrays.sort(millis);
    return "median of 200 %.1f ms, worst %.1f ms".formatted(millis[100], millis[199]);
  }

  private static String memory(long pid) throws Exception {
    Process heap =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                String.valueOf(pid),
                "GC.heap_info")
            .start();
    String used =
        new String(heap.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .filter(line -> line.contains("heap"))
            .findFirst()
            .orElse("")
            .strip();
    String resident =
        Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
            .filter(line -> line.startsWith("VmHWM"))
            .findFirst()
            .orElse("");
    return used + "; " + resident.replaceAll("\\s+", " ");
  }

  private static String get(URI uri, String path) throws Exception {
    HttpResponse<String> answer =
        CLIENT.send(
            HttpRequest.newBuilder(uri.resolve(path)).build(),
            HttpResponse.BodyHandlers.ofString());
    assertThat(answer.statusCode()).isEqualTo(200);
    return answer.body();
  }
}
