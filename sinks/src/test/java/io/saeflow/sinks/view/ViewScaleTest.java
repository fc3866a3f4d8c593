// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Serves an autoencoder of 131,072 features, and prints what that takes. Records have two short
 * examples; with {@code -Dsaeflow.view.examples=40 -Dsaeflow.view.window=64} they have what a run
 * writes, which are gigabytes.
 */
class ViewScaleTest {
  private static final int LATENTS = 131_072;
  private static final int EXAMPLES = Integer.getInteger("saeflow.view.examples", 2);
  private static final int WINDOW = Integer.getInteger("saeflow.view.window", 8);
  private static final int TOKENS = 1_000_000;

  @TempDir Path out;

  private final HttpClient client = HttpClient.newHttpClient();

  @Test
  @Timeout(600)
  void servesALargeAutoencoder() throws Exception {
    ViewFiles.write(
        new OutputFolder(out),
        Fixtures.manifest(Fixtures.sae("a", LATENTS, 1).build()).build(),
        id -> "t" + id,
        50_257);
    Random random = new Random(7);
    try (ViewSink sink = new ViewSink(new OutputFolder(out), "a", LATENTS)) {
      for (int latent = 0; latent < LATENTS; latent++) {
        ViewFixture.add(sink, record(latent, random));
      }
    }
    long before = usedMemory();
    long start = System.nanoTime();
    try (ViewServer server =
        ViewServer.start(
            new ViewConfig(out, "127.0.0.1", 0, new Access.Local(), OptionalInt.empty()))) {
      JsonNode first = json(server, "/api/saes/a/features?sort=density&order=desc&limit=50");
      double answered = seconds(start);
      while (json(server, "/api/saes/a/features?limit=1").path("total").asInt() < LATENTS) {
        Thread.sleep(20);
      }
      double open = seconds(start);
      long memory = usedMemory() - before;
      List<String> report = new ArrayList<>();
      for (String query :
          List.of(
              "",
              "?sort=density&order=desc",
              "?sort=density&order=desc",
              "?sort=mean",
              "?q=t77",
              "?alive=true&minDensity=0.0001&sort=max&order=desc")) {
        start = System.nanoTime();
        JsonNode page = json(server, "/api/saes/a/features" + query);
        report.add("features%s %.1f ms".formatted(query, 1e3 * seconds(start)));
        assertThat(page.path("features").size()).isBetween(1, 50);
      }
      start = System.nanoTime();
      assertThat(json(server, "/api/saes/a/densities").path("counts")).hasSize(80);
      report.add("densities %.1f ms".formatted(1e3 * seconds(start)));
      double[] singles = new double[200];
      for (int i = 0; i < singles.length; i++) {
        int latent = random.nextInt(LATENTS);
        start = System.nanoTime();
        JsonNode feature = json(server, "/api/saes/a/features/" + latent);
        singles[i] = 1e3 * seconds(start);
        assertThat(feature.path("index").asInt()).isEqualTo(latent);
        assertThat(feature.path("top")).hasSize(EXAMPLES / 2);
      }
      Arrays.sort(singles);
      System.out.printf(
          "%d features, log of %d MB: first answer after %.2f s (%d features then), all read after"
              + " %.2f s, %d MB of memory; %s; a feature: median %.2f ms, worst of 200 %.2f ms%n",
          LATENTS,
          Files.size(out.resolve("view/a.records")) >> 20,
          answered,
          first.path("total").asInt(),
          open,
          memory >> 20,
          String.join(", ", report),
          singles[singles.length / 2],
          singles[singles.length - 1]);
    }
  }

  private JsonNode json(ViewServer server, String path) throws Exception {
    HttpResponse<byte[]> answer =
        client.send(
            HttpRequest.newBuilder(URI.create(server.uri() + path)).build(),
            HttpResponse.BodyHandlers.ofByteArray());
    assertThat(answer.statusCode()).isEqualTo(200);
    return new ObjectMapper().readTree(answer.body());
  }

  private static FeatureRecord record(int latent, Random random) {
    long active = (long) Math.exp(random.nextDouble() * Math.log(TOKENS / 8.0));
    List<Example> top = new ArrayList<>();
    List<Example> sample = new ArrayList<>();
    for (int e = 0; e < EXAMPLES; e++) {
      (e % 2 == 0 ? top : sample).add(example(e, random));
    }
    return Fixtures.dead(latent)
        .setTokens(TOKENS)
        .setActive(active)
        .setMax(random.nextFloat() * 10)
        .setSum1(active * random.nextDouble())
        .setTop(top)
        .setRandom(sample)
        .build();
  }

  private static Example example(int sequence, Random random) {
    List<Integer> tokens = new ArrayList<>();
    List<Float> activations = new ArrayList<>();
    for (int i = 0; i < WINDOW; i++) {
      tokens.add(random.nextInt(50_257));
      activations.add(i % 16 == 0 ? random.nextFloat() : 0f);
    }
    return Example.newBuilder()
        .setSequence(sequence)
        .setPosition(0)
        .setActivation(activations.get(0))
        .setDocument(1)
        .setWindowStart(0)
        .setTokens(tokens)
        .setActivations(activations)
        .build();
  }

  private static long usedMemory() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
