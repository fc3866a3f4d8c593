// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.sinks.view.Access;
import io.saeflow.sinks.view.ViewConfig;
import io.saeflow.sinks.view.ViewServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The viewer on a real run: from its first moment, and on its files afterwards. */
class ViewTest {
  private static final String CASE = "openai-topk--blocks.1.hook_resid_post";

  @TempDir Path folder;

  @Test
  void aViewerStartedWithTheRunSeesItsEndAndOneStartedLaterTheSame() throws Exception {
    Path out = folder.resolve("out");
    ViewServer[] live = new ViewServer[1];
    new Pipeline()
        .run(
            OracleCases.run(List.of(CASE), out).toRunConfig(),
            OracleCases.run(List.of(CASE), out).toOutputConfig(),
            writing -> live[0] = serve(writing, OptionalInt.empty()));
    String liveFeature;
    try (ViewServer server = live[0]) {
      awaitComplete(server);
      liveFeature = get(server.uri(), "/api/saes/" + OracleCases.id(CASE) + "/features/3");
    }
    try (ViewServer server = serve(out, OptionalInt.of(0))) {
      awaitComplete(server);
      JsonNode run = json(get(server.uri(), "/api/runs")).get(0);
      assertThat(run.get("tokens").asLong())
          .isEqualTo((long) OracleCases.SEQUENCES * OracleCases.CONTEXT);
      JsonNode page =
          json(get(server.uri(), "/api/saes/" + OracleCases.id(CASE) + "/features?limit=500"));
      assertThat(page.get("total").asInt()).isEqualTo(OracleCases.LATENTS);
      for (JsonNode feature : page.get("features")) {
        int index = feature.get("index").asInt();
        JsonNode atom = json(Files.readString(atom(out, index)));
        assertThat(feature.get("density").asDouble()).isEqualTo(atom.get("density").asDouble());
      }
      assertThat(get(server.uri(), "/api/saes/" + OracleCases.id(CASE) + "/features/3"))
          .isEqualTo(liveFeature);
      assertThat(get(server.uri(), "/")).contains("<!doctype html>");

      String path = "az://openaipublic/sparse-autoencoder/viewer/tiny/" + OracleCases.id(CASE);
      assertThat(post(server.azUri().orElseThrow(), path + "/atoms/3.json"))
          .isEqualTo(Files.readString(atom(out, 3)));
    }
  }

  private static Path atom(Path out, int index) {
    return out.resolve("sae-viewer/tiny")
        .resolve(OracleCases.id(CASE))
        .resolve("atoms/" + index + ".json");
  }

  private static ViewServer serve(Path out, OptionalInt azPort) throws IOException {
    return ViewServer.start(new ViewConfig(out, "127.0.0.1", 0, new Access.Local(), azPort));
  }

  private static void awaitComplete(ViewServer server) throws Exception {
    for (int tries = 0; tries < 240; tries++) {
      JsonNode run = json(get(server.uri(), "/api/runs")).get(0);
      JsonNode sae = run.get("saes").get(0);
      if (run.get("complete").asBoolean()
          && sae.get("alive").asInt() + sae.get("dead").asInt() == OracleCases.LATENTS) {
        return;
      }
      Thread.sleep(250);
    }
    throw new AssertionError("the viewer never saw the run complete");
  }

  private static JsonNode json(String text) throws IOException {
    return new ObjectMapper().readTree(text);
  }

  private static String get(URI server, String path) throws Exception {
    return send(HttpRequest.newBuilder(server.resolve(path)).GET());
  }

  private static String post(URI server, String azPath) throws Exception {
    return send(
        HttpRequest.newBuilder(server.resolve("/load_az"))
            .header("Content-Type", "application/json")
            .POST(
                HttpRequest.BodyPublishers.ofString(
                    new ObjectMapper().createObjectNode().put("path", azPath).toString())));
  }

  private static String send(HttpRequest.Builder request) throws Exception {
    HttpResponse<String> response =
        HttpClient.newHttpClient()
            .send(
                request.timeout(Duration.ofSeconds(30)).build(),
                HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    return response.body();
  }
}
