// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ViewServerTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String TOKEN = "a-token-of-24-characters";

  @TempDir Path out;

  private final HttpClient client = HttpClient.newHttpClient();
  private ViewSink sink;
  private ViewServer server;

  @BeforeEach
  void startOnARunUnderWay() throws Exception {
    sink = ViewFixture.sink(out);
    ViewFixture.add(sink, Fixtures.twoAndFour(0).setComplete(false).setTokens(4).build());
    ViewFixture.add(sink, Fixtures.dead(1).build());
    ViewFixture.add(sink, ViewFixture.labelled(0));
    ViewFixture.add(sink, Fixtures.twoAndFour(2).setActive(1).setMax(6).setSum1(6).build());
    try (ProgressLog log = progress()) {
      log.append(5, OptionalLong.of(9), 1, 2, false);
    }
    ViewFixture.writeRun(out);
    start(new Access.Local());
    await(() -> json("/api/saes/a/features").path("total").asInt() == 3);
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
    sink.close();
  }

  @Test
  void showsTheRun() throws Exception {
    JsonNode runs = json("/api/runs");
    assertThat(runs.toString())
        .isEqualTo(
            "[{\"run\":\"run\",\"subject\":\"gpt2-small\",\"contextLength\":4,\"window\":64,"
                + "\"labels\":[\"year:10\",\"party\"],\"complete\":false,\"tokens\":5,\"total\":9,"
                + "\"saes\":[{\"id\":\"a\",\"hook\":\"blocks.1.hook_resid_post\",\"latents\":4,"
                + "\"architecture\":\"topk\",\"k\":2,\"alive\":2,\"dead\":1,\"dense\":2,"
                + "\"l0\":2.4,\"normalizedMse\":0.25}]}]");
  }

  @Test
  void listsFeatures() throws Exception {
    assertThat(json("/api/saes/a/features").toString())
        .isEqualTo(
            "{\"total\":3,\"offset\":0,\"features\":["
                + "{\"index\":0,\"density\":0.4,\"active\":2,\"max\":4.0,\"mean\":3.0,\"topTokens\":[\" eleven\"]},"
                + "{\"index\":1,\"density\":0.0,\"active\":0,\"max\":0.0,\"mean\":null,\"topTokens\":[]},"
                + "{\"index\":2,\"density\":0.2,\"active\":1,\"max\":6.0,\"mean\":6.0,\"topTokens\":[\" eleven\"]}]}");
  }

  @ParameterizedTest
  @CsvSource({
    "sort=max&order=desc, 3, '2 0 1'",
    "sort=density&order=asc, 3, '1 2 0'",
    "sort=mean&order=asc, 3, '0 2 1'",
    "sort=mean&order=desc, 3, '2 0 1'",
    "sort=active&order=desc&limit=1&offset=1, 3, '2'",
    "offset=7, 3, ''",
    "q=2, 1, '2'",
    "q=3, 0, ''",
    "q=ELEV, 2, '0 2'",
    "q=%20eleven, 2, '0 2'",
    "q=nowhere, 0, ''",
    "alive=false, 1, '1'",
    "alive=true, 2, '0 2'",
    "minDensity=0.2&maxDensity=0.3, 1, '2'"
  })
  void filtersSortsAndPages(String query, int total, String indices) throws Exception {
    JsonNode page = json("/api/saes/a/features?" + query);
    assertThat(page.path("total").asInt()).isEqualTo(total);
    List<String> found = new ArrayList<>();
    page.path("features").forEach(feature -> found.add(feature.path("index").asText()));
    assertThat(String.join(" ", found)).isEqualTo(indices);
  }

  @Test
  void countsDensities() throws Exception {
    JsonNode densities = json("/api/saes/a/densities");
    // log10 0.4 = -0.398, log10 0.2 = -0.699
    assertThat(densities.path("bins")).hasSize(80);
    assertThat(densities.path("bins").path(0).asDouble()).isEqualTo(-8);
    assertThat(densities.path("bins").path(76).asDouble()).isEqualTo(-0.4);
    assertThat(densities.path("bins").path(73).asDouble()).isEqualTo(-0.7);
    for (int bin = 0; bin < 80; bin++) {
      assertThat(densities.path("counts").path(bin).asInt())
          .as("bin %d", bin)
          .isEqualTo(bin == 76 || bin == 73 ? 1 : 0);
    }
    assertThat(densities.path("dead").asInt()).isEqualTo(1);
  }

  @Test
  void showsAFeature() throws Exception {
    JsonNode feature = json("/api/saes/a/features/0");
    assertThat(feature.path("complete").asBoolean()).isTrue();
    assertThat(feature.path("tokens").asInt()).isEqualTo(5);
    assertThat(feature.path("density").asDouble()).isEqualTo(0.4);
    assertThat(feature.path("mean").asDouble()).isEqualTo(1.2);
    assertThat(feature.path("meanSquare").asDouble()).isEqualTo(4);
    // (72 / 5) / 4^1.5 and (272 / 5) / 4^2
    assertThat(feature.path("skew").asDouble()).isCloseTo(1.8, within(1e-12));
    assertThat(feature.path("kurtosis").asDouble()).isCloseTo(3.4, within(1e-12));
    assertThat(feature.path("meanActive").asDouble()).isEqualTo(3);
    assertThat(feature.path("histogram").toString())
        .isEqualTo("{\"binWidth\":0.2,\"bins\":[10,20],\"counts\":[1,1]}");
    assertThat(feature.path("top").toString())
        .isEqualTo(
            "[{\"sequence\":3,\"position\":7,\"idx\":1,\"windowStart\":6,\"activation\":4.0,"
                + "\"document\":103,\"tokens\":[\"Ten\",\" eleven\",\" twelve\"],\"activations\":[0.0,4.0,0.0]}]");
    assertThat(feature.path("random")).hasSize(1);
    assertThat(feature.path("topTokens").toString())
        .isEqualTo("[{\"token\":\" eleven\",\"id\":11,\"mean\":4.0,\"count\":1}]");
    assertThat(feature.path("labels").toString())
        .isEqualTo(
            "[{\"field\":\"year\",\"binWidth\":10.0,\"values\":[\"1790\",\"1800\"],\"active\":[10,50],\"tokens\":[100,100]},"
                + "{\"field\":\"party\",\"binWidth\":null,\"values\":[\"Whig\"],\"active\":[2],\"tokens\":[5]}]");
    assertThat(feature.path("history").toString())
        .isEqualTo(
            "[{\"tokens\":4,\"density\":0.5,\"mean\":1.5},{\"tokens\":5,\"density\":0.4,\"mean\":1.2}]");
    assertThat(feature.path("previous").isNull()).isTrue();
    assertThat(feature.path("next").asInt()).isEqualTo(1);
  }

  @Test
  void showsADeadFeatureWithNullsForWhatIsUndefined() throws Exception {
    JsonNode feature = json("/api/saes/a/features/1");
    assertThat(feature.path("mean").asDouble()).isEqualTo(0);
    for (String field : List.of("skew", "kurtosis", "meanActive")) {
      assertThat(feature.path(field).isNull()).as(field).isTrue();
    }
    assertThat(feature.path("previous").asInt()).isEqualTo(0);
    assertThat(feature.path("next").asInt()).isEqualTo(2);
  }

  @Test
  void showsARecordAsItIsStored() throws Exception {
    JsonNode raw = json("/api/saes/a/features/0/raw");
    List<String> fields = new ArrayList<>();
    raw.fieldNames().forEachRemaining(fields::add);
    assertThat(fields)
        .isEqualTo(FeatureRecord.getClassSchema().getFields().stream().map(f -> f.name()).toList());
    assertThat(raw.path("sum4").asDouble()).isEqualTo(272);
    assertThat(raw.path("labels").path(0).path("binWidth").toString())
        .isEqualTo("{\"double\":10.0}");
  }

  @Test
  void findsWhatDriftsMost() throws Exception {
    JsonNode drift = json("/api/saes/a/drift?field=year");
    assertThat(drift).hasSize(1);
    assertThat(drift.path(0).path("index").asInt()).isZero();
    // 60 firings in 200 tokens: five more firings are 16.67 tokens more.
    double low = (10 + 5) / (100 + 50 / 3.0);
    double high = (50 + 5) / (100 + 50 / 3.0);
    assertThat(drift.path(0).path("score").asDouble())
        .isCloseTo(Math.log(high / low) / Math.log(2), within(1e-12));
    assertThat(drift.path(0).path("low").toString())
        .isEqualTo("{\"value\":\"1790\",\"density\":0.1}");
    assertThat(drift.path(0).path("high").toString())
        .isEqualTo("{\"value\":\"1800\",\"density\":0.5}");
    // One value alone cannot differ.
    assertThat(json("/api/saes/a/drift?field=party")).isEmpty();
  }

  @Test
  void showsProgress() throws Exception {
    JsonNode progress = json("/api/progress");
    assertThat(progress).hasSize(1);
    assertThat(progress.path(0).path("modelLag").asInt()).isEqualTo(1);
    assertThat(progress.path(0).path("featureLag").asInt()).isEqualTo(2);
    assertThat(progress.path(0).path("saes").toString())
        .isEqualTo(
            "{\"a\":{\"alive\":2,\"dead\":1,\"dense\":2,\"l0\":2.4,\"normalizedMse\":0.25}}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/index.html", "/saes/a/features/0", "/saes/none/features/99"})
  void servesThePage(String path) throws Exception {
    HttpResponse<String> answer = get(path);
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("Content-Type")).hasValue("text/html; charset=utf-8");
    assertThat(answer.body()).contains("<title>");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "404 | /nothing | file: 'nothing'",
        "404 | /nothing.js | file: 'nothing.js'",
        "404 | /..%2Fopenapi.json | file: '../openapi.json'",
        "404 | /%2e%2e/openapi.json | path: '/%2e%2e/openapi.json'",
        "404 | /../openapi.json | path: '/../openapi.json'",
        "404 | /ViewServer.class | file: 'ViewServer.class'",
        "404 | /api | file: 'api'",
        "404 | /api/none | path: '/api/none'",
        "404 | /api/saes/b/features | SAE: 'b'",
        "404 | /api/saes/..%2F..%2Fa/features/0 | SAE: '../../a'",
        "404 | /api/saes/a/features/4 | feature: 4 (expected: 0 to 3)",
        "404 | /api/saes/a/features/3 | feature: 3 has no record yet",
        "404 | /api/saes/a/features/3/raw | feature: 3 has no record yet",
        "404 | /api/saes/a/drift?field=colour | field: 'colour' (expected: year:10, party)",
        "400 | /api/saes/a/drift | field: none",
        "400 | /api/saes/a/features/x | index: 'x' (expected: a whole number",
        "400 | /api/saes/a/features/-1 | index: '-1'",
        "400 | /api/saes/a/features/99999999999 | index: '99999999999'",
        "400 | /api/saes/a/features?limit=0 | limit: '0' (expected: a whole number from 1 to 500)",
        "400 | /api/saes/a/features?limit=501 | limit: '501'",
        "400 | /api/saes/a/features?offset=-1 | offset: '-1'",
        "400 | /api/saes/a/features?sort=name | sort: 'name' (expected: index, density, max, mean, active)",
        "400 | /api/saes/a/features?order=up | order: 'up' (expected: asc, desc)",
        "400 | /api/saes/a/features?alive=maybe | alive: 'maybe' (expected: true, false)",
        "400 | /api/saes/a/features?minDensity=NaN | minDensity: 'NaN' (expected: a finite number)",
      })
  void saysWhatIsWrong(int status, String path, String message) throws Exception {
    HttpResponse<String> answer = get(path);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
    assertThat(answer.headers().firstValue("Content-Type"))
        .hasValue("application/json; charset=utf-8");
    JsonNode body = MAPPER.readTree(answer.body());
    assertThat(body).hasSize(1);
    assertThat(body.path("error").asText()).startsWith(message);
    assertSecured(answer);
  }

  @ParameterizedTest
  @ValueSource(strings = {"POST", "PUT", "DELETE", "HEAD"})
  void readsOnly(String method) throws Exception {
    HttpResponse<String> answer =
        client.send(
            request("/api/runs").method(method, HttpRequest.BodyPublishers.noBody()).build(),
            BodyHandlers.ofString());
    assertThat(answer.statusCode()).isEqualTo(405);
    assertThat(answer.headers().firstValue("Allow")).hasValue("GET");
    assertSecured(answer);
  }

  @Test
  void compressesWhatIsLongForThoseWhoAcceptIt() throws Exception {
    HttpResponse<byte[]> packed =
        client.send(
            request("/api/openapi.json").header("Accept-Encoding", "br, gzip;q=0.5").build(),
            BodyHandlers.ofByteArray());
    assertThat(packed.headers().firstValue("Content-Encoding")).hasValue("gzip");
    assertThat(packed.headers().firstValue("Vary")).hasValue("Accept-Encoding");
    byte[] plain;
    try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(packed.body()))) {
      plain = in.readAllBytes();
    }
    assertThat(new String(plain, StandardCharsets.UTF_8))
        .isEqualTo(get("/api/openapi.json").body());
    for (String refusal : List.of("gzip;q=0", "identity")) {
      HttpResponse<byte[]> answer =
          client.send(
              request("/api/openapi.json").header("Accept-Encoding", refusal).build(),
              BodyHandlers.ofByteArray());
      assertThat(answer.headers().firstValue("Content-Encoding")).as(refusal).isEmpty();
    }
    HttpResponse<String> small =
        client.send(
            request("/api/runs").header("Accept-Encoding", "gzip").build(),
            BodyHandlers.ofString());
    assertThat(small.headers().firstValue("Content-Encoding")).isEmpty();
    assertSecured(small);
  }

  @Test
  void tellsEveryoneWhoListensWhatIsNew() throws Exception {
    try (EventReader events = new EventReader();
        ProgressLog log = progress()) {
      assertThat(events.next("progress").path("tokens").asInt()).isEqualTo(5);
      log.append(9, OptionalLong.of(9), 0, 0, true);
      assertThat(events.next("progress").path("complete").asBoolean()).isTrue();
      ViewFixture.add(sink, Fixtures.dead(3).build());
      assertThat(events.next("features").toString()).isEqualTo("{\"sae\":\"a\",\"changed\":1}");
    }
    assertThat(json("/api/runs").path(0).path("complete").asBoolean()).isTrue();
    assertThat(json("/api/saes/a/features").path("total").asInt()).isEqualTo(4);
    assertThat(json("/api/progress")).hasSize(2);
  }

  @Test
  void keepsStreamsAliveWithComments() throws Exception {
    server.close();
    server =
        ViewServer.start(
            new ViewConfig(out, "127.0.0.1", 0, new Access.Local(), OptionalInt.empty()),
            Duration.ofMillis(50));
    try (EventReader events = new EventReader()) {
      assertThat(events.nextLine(line -> line.startsWith(":"))).isEqualTo(":");
    }
  }

  @Test
  void answersWhileAllStreamsAreTaken() throws Exception {
    List<EventReader> streams = new ArrayList<>();
    try {
      for (int i = 0; i < EventStreams.MOST; i++) {
        streams.add(new EventReader());
      }
      HttpResponse<String> tooMany = get("/api/events");
      assertThat(tooMany.statusCode()).isEqualTo(503);
      assertThat(tooMany.body()).contains("32 are open");
      assertThat(get("/api/runs").statusCode()).isEqualTo(200);
    } finally {
      for (EventReader stream : streams) {
        stream.close();
      }
    }
  }

  @Test
  void startsOverWhenTheLogIsReplacedOrCut() throws Exception {
    sink.close();
    sink = ViewFixture.sink(out); // as a process that resumes the run
    ViewFixture.add(sink, Fixtures.dead(3).build());
    await(() -> json("/api/saes/a/features").path("total").asInt() == 1);
    assertThat(get("/api/saes/a/features/0").statusCode()).isEqualTo(404);
    assertThat(get("/api/saes/a/features/3").statusCode()).isEqualTo(200);

    Path log = out.resolve("view/a.records");
    byte[] frame = Files.readAllBytes(log);
    Files.write(log, new byte[0], StandardOpenOption.TRUNCATE_EXISTING);
    await(() -> json("/api/saes/a/features").path("total").asInt() == 0);
    Files.write(log, frame, StandardOpenOption.APPEND);
    await(() -> json("/api/saes/a/features").path("total").asInt() == 1);
  }

  @Test
  void showsTheNextRunInTheSameFolder() throws Exception {
    ViewFiles.write(
        new OutputFolder(out),
        Fixtures.manifest(Fixtures.sae("b", 2, 1).build()).setRun("other").build(),
        ViewFixture.WORDS::get,
        13);
    await(() -> json("/api/runs").path(0).path("run").asText().equals("other"));
    assertThat(get("/api/saes/a/features").statusCode()).isEqualTo(404);
  }

  @Test
  void documentsEveryRouteAndNoOther() throws Exception {
    Set<String> documented = new TreeSet<>();
    JsonNode document = json("/api/openapi.json");
    assertThat(document.path("openapi").asText()).startsWith("3.1");
    document
        .path("paths")
        .fields()
        .forEachRemaining(
            path ->
                path.getValue()
                    .fieldNames()
                    .forEachRemaining(
                        method -> {
                          if (!method.equals("description")) {
                            documented.add(method.toUpperCase(Locale.ROOT) + " " + path.getKey());
                          }
                        }));
    List<Route> routes = new ArrayList<>(ViewServer.routes(new Api(() -> null, null)));
    routes.addAll(new AzFiles(new OutputFolder(out)).routes());
    assertThat(
            routes.stream().map(r -> r.method() + " " + r.template()).collect(Collectors.toSet()))
        .isEqualTo(documented);
  }

  @Test
  void documentsTheFieldsThatItGives() throws Exception {
    JsonNode schemas = json("/api/openapi.json").path("components").path("schemas");
    assertFields(schemas.path("Run"), json("/api/runs").path(0));
    assertFields(schemas.path("Sae"), json("/api/runs").path(0).path("saes").path(0));
    assertFields(schemas.path("FeaturePage"), json("/api/saes/a/features"));
    assertFields(schemas.path("FeatureRow"), json("/api/saes/a/features").path("features").path(0));
    assertFields(schemas.path("Densities"), json("/api/saes/a/densities"));
    JsonNode feature = json("/api/saes/a/features/0");
    assertFields(schemas.path("Feature"), feature);
    assertFields(schemas.path("Sequence"), feature.path("top").path(0));
    assertFields(schemas.path("LabelCounts"), feature.path("labels").path(0));
    assertFields(schemas.path("Drift"), json("/api/saes/a/drift?field=year").path(0));
    assertFields(schemas.path("Progress"), json("/api/progress").path(0));
  }

  @Test
  void letsOnlyThoseInWhoHaveTheToken() throws Exception {
    restart(new Access.Bearer(TOKEN));
    for (String path :
        List.of("/api/runs", "/api/events", "/api/progress", "/api/saes/a/features/0/raw")) {
      HttpResponse<String> answer = get(path);
      assertThat(answer.statusCode()).as(path).isEqualTo(401);
      assertThat(answer.headers().firstValue("WWW-Authenticate")).hasValue("Bearer");
      assertSecured(answer);
    }
    for (String wrong : List.of("Bearer x", "Bearer " + TOKEN + "x", TOKEN, "Basic " + TOKEN)) {
      assertThat(status("/api/runs", "Authorization", wrong)).as(wrong).isEqualTo(401);
    }
    assertThat(status("/api/runs?token=" + TOKEN, "Accept", "*/*")).isEqualTo(401);
    assertThat(status("/api/runs", "Authorization", "Bearer " + TOKEN)).isEqualTo(200);
    assertThat(get("/").statusCode()).isEqualTo(200);
    assertThat(new Access.Bearer(TOKEN).toString()).doesNotContain(TOKEN);
  }

  @Test
  void wantsATokenForOtherMachines() {
    assertThatThrownBy(
            () -> new ViewConfig(out, "0.0.0.0", 0, new Access.Local(), OptionalInt.empty()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "host: 0.0.0.0 is not loopback (expected: a token, or insecure access, for others to read)");
    assertThatThrownBy(() -> new Access.Bearer("short"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("token: 5 characters")
        .hasMessageNotContaining("short");
    assertThatThrownBy(
            () -> new ViewConfig(out, "::1", 65536, new Access.Local(), OptionalInt.empty()))
        .hasMessage("port: 65536 (expected: 0 to 65535)");
  }

  /** A web page can make its own name point to this machine; its requests still carry the name. */
  @Test
  void refusesOtherNamesForThisMachine() throws Exception {
    assertThat(rawStatus(server.uri(), "GET /api/runs HTTP/1.1", "evil.example")).isEqualTo(403);
    assertThat(rawStatus(server.uri(), "GET / HTTP/1.1", "127.0.0.1.evil.example:80"))
        .isEqualTo(403);
    assertThat(rawStatus(server.uri(), "GET /none/x HTTP/1.1", "evil.example")).isEqualTo(403);
    for (String local : List.of("localhost:8080", "LOCALHOST", "127.0.0.1:1", "[::1]:8080")) {
      assertThat(rawStatus(server.uri(), "GET /api/runs HTTP/1.1", local)).as(local).isEqualTo(200);
    }
    restart(new Access.Insecure());
    assertThat(rawStatus(server.uri(), "GET /api/runs HTTP/1.1", "my.lan")).isEqualTo(200);
  }

  @Test
  void wantsARun(@TempDir Path empty) {
    assertThatThrownBy(
            () ->
                ViewServer.start(
                    new ViewConfig(empty, "127.0.0.1", 0, new Access.Local(), OptionalInt.empty())))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("view/run.json")
        .hasMessageContaining("expected: a run's output, with the sink 'view'");
  }

  @Test
  void givesOpenAisViewerItsFiles() throws Exception {
    byte[] file = "{\"density\": 0.5,  \"é\":1}\n".getBytes(StandardCharsets.UTF_8);
    Path atoms = Files.createDirectories(out.resolve("sae-viewer/gpt2-small/family/a/atoms"));
    Files.write(atoms.resolve("7.json"), file);
    HttpResponse<byte[]> answer =
        loadAz("{\"path\":\"%s\"}".formatted(az("gpt2-small/family/a/atoms/7.json")));
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).isEqualTo(file);
    assertThat(answer.headers().firstValue("Access-Control-Allow-Origin")).hasValue("*");
    assertThat(
            loadAz("{\"path\":\"%s\"}".formatted(az("gpt2-small/family/a/atoms/7-ablated.json")))
                .statusCode())
        .isEqualTo(404);

    HttpResponse<String> preflight =
        client.send(
            HttpRequest.newBuilder(server.azUri().orElseThrow().resolve("/load_az"))
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "content-type")
                .header("Origin", "http://localhost:1234")
                .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
                .build(),
            BodyHandlers.ofString());
    assertThat(preflight.statusCode()).isEqualTo(204);
    assertThat(preflight.headers().firstValue("Access-Control-Allow-Origin")).hasValue("*");
    assertThat(preflight.headers().firstValue("Access-Control-Allow-Headers"))
        .hasValue("Content-Type");
    assertThat(preflight.headers().firstValue("Access-Control-Allow-Methods"))
        .hasValue("POST, OPTIONS");
    HttpResponse<String> get =
        client.send(
            HttpRequest.newBuilder(server.azUri().orElseThrow().resolve("/load_az")).build(),
            BodyHandlers.ofString());
    assertThat(get.statusCode()).isEqualTo(405);
    assertThat(get.headers().firstValue("Allow")).hasValue("OPTIONS, POST");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "s/../../secret/atoms/1.json",
        "s/p/../../../secret/atoms/1.json",
        "../secret/atoms/1.json",
        "s/%2e%2e/%2e%2e/secret/atoms/1.json",
        "s/..%2f..%2fsecret/atoms/1.json",
        "/secret/s/atoms/1.json",
        "s//p/atoms/1.json",
        "s/./p/atoms/1.json",
        "s/p/atoms/1.json/../../secret",
        "s/p/atoms/secret.json",
        "s/p\\\\..\\\\..\\\\secret/atoms/1.json",
        "s/p/atoms/1.json\\u0000",
        "s/p\\n/atoms/1.json"
      })
  void refusesAddressesOfOtherFiles(String path) throws Exception {
    Files.createDirectories(out.resolve("secret/atoms"));
    Files.writeString(out.resolve("secret/atoms/1.json"), "{}");
    Files.createDirectories(out.resolve("sae-viewer/s/p/atoms"));
    Files.writeString(out.resolve("sae-viewer/s/p/atoms/1.json"), "{}");
    HttpResponse<byte[]> answer = loadAz("{\"path\":\"%s\"}".formatted(az(path)));
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(new String(answer.body(), StandardCharsets.UTF_8))
        .startsWith("{\"error\":\"path: '");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{", "{\"path\":1}", "\"az://\"", "{\"path\":\"/etc/passwd\"}"})
  void refusesBodiesWithoutAnAddress(String body) throws Exception {
    assertThat(loadAz(body).statusCode()).isEqualTo(400);
  }

  @Test
  void refusesLongBodies() throws Exception {
    assertThat(loadAz("x".repeat(65537)).statusCode()).isEqualTo(413);
  }

  @Test
  void followsNoLinkOutOfTheViewersFolder() throws Exception {
    Path secret = Files.createDirectories(out.resolve("secret/p/atoms"));
    Files.writeString(secret.resolve("1.json"), "{}");
    Path inside = Files.createDirectories(out.resolve("sae-viewer/s/p/atoms"));
    Files.writeString(inside.resolve("2.json"), "{}");
    Files.createSymbolicLink(inside.resolve("1.json"), secret.resolve("1.json"));
    Files.createSymbolicLink(out.resolve("sae-viewer/t"), out.resolve("secret"));
    Files.createSymbolicLink(inside.resolve("3.json"), inside.resolve("2.json"));
    assertThat(loadAz("{\"path\":\"%s\"}".formatted(az("s/p/atoms/1.json"))).statusCode())
        .isEqualTo(404);
    assertThat(loadAz("{\"path\":\"%s\"}".formatted(az("t/p/atoms/1.json"))).statusCode())
        .isEqualTo(404);
    assertThat(loadAz("{\"path\":\"%s\"}".formatted(az("s/p/atoms/3.json"))).statusCode())
        .isEqualTo(200);
  }

  @Test
  void skipsTornLinesWhenAProgressLogGoesOn() throws Exception {
    Path file = out.resolve("view/progress.jsonl");
    Files.writeString(file, "{\"at\":17,\"tok", StandardOpenOption.APPEND);
    try (ProgressLog log = progress()) {
      log.append(6, OptionalLong.empty(), 0, 0, false);
    }
    await(() -> json("/api/progress").size() == 2);
    assertThat(json("/api/progress").path(1).path("tokens").asInt()).isEqualTo(6);
    assertThat(json("/api/progress").path(1).path("total").isNull()).isTrue();
    assertThat(json("/api/runs").path(0).path("total").isNull()).isTrue();
  }

  @Test
  void leavesOutATornRecordUntilItIsWhole() throws Exception {
    Path file = out.resolve("view/a.records");
    byte[] record = AvroCodec.FEATURE.encode(Fixtures.dead(3).build());
    byte[] frame = ByteBuffer.allocate(4 + record.length).putInt(record.length).put(record).array();
    Files.write(file, Arrays.copyOf(frame, 3), StandardOpenOption.APPEND);
    Thread.sleep(600);
    assertThat(json("/api/saes/a/features").path("total").asInt()).isEqualTo(3);
    Files.write(file, Arrays.copyOfRange(frame, 3, frame.length - 1), StandardOpenOption.APPEND);
    Thread.sleep(600);
    assertThat(json("/api/saes/a/features").path("total").asInt()).isEqualTo(3);
    Files.write(file, new byte[] {frame[frame.length - 1]}, StandardOpenOption.APPEND);
    await(() -> json("/api/saes/a/features").path("total").asInt() == 4);
  }

  private ProgressLog progress() throws IOException {
    return ProgressLog.open(new OutputFolder(out), Map.of("a", sink));
  }

  private void start(Access access) throws IOException {
    server = ViewServer.start(new ViewConfig(out, "127.0.0.1", 0, access, OptionalInt.of(0)));
  }

  private void restart(Access access) throws IOException {
    server.close();
    start(access);
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(server.uri() + path));
  }

  private HttpResponse<String> get(String path) throws Exception {
    return client.send(request(path).build(), BodyHandlers.ofString());
  }

  private int status(String path, String header, String value) throws Exception {
    return client
        .send(request(path).header(header, value).build(), BodyHandlers.ofString())
        .statusCode();
  }

  private JsonNode json(String path) throws Exception {
    HttpResponse<String> answer = get(path);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    assertSecured(answer);
    return MAPPER.readTree(answer.body());
  }

  private HttpResponse<byte[]> loadAz(String body) throws Exception {
    return client.send(
        HttpRequest.newBuilder(server.azUri().orElseThrow().resolve("/load_az"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofByteArray());
  }

  private static String az(String path) {
    return "az://openaipublic/sparse-autoencoder/viewer/" + path;
  }

  private static int rawStatus(URI server, String line, String host) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.getPort())) {
      socket
          .getOutputStream()
          .write(
              (line + "\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
                  .getBytes(StandardCharsets.US_ASCII));
      BufferedReader in =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      return Integer.parseInt(in.readLine().split(" ", -1)[1]);
    }
  }

  private static void assertSecured(HttpResponse<?> answer) {
    assertThat(answer.headers().firstValue("Content-Security-Policy").orElse(""))
        .startsWith("default-src 'self'");
    assertThat(answer.headers().firstValue("X-Content-Type-Options")).hasValue("nosniff");
    assertThat(answer.headers().firstValue("Referrer-Policy")).hasValue("no-referrer");
  }

  private static void assertFields(JsonNode schema, JsonNode value) {
    Set<String> documented = new TreeSet<>();
    schema.path("properties").fieldNames().forEachRemaining(documented::add);
    Set<String> given = new TreeSet<>();
    value.fieldNames().forEachRemaining(given::add);
    assertThat(given).isNotEmpty().isEqualTo(documented);
  }

  private static void await(Callable<Boolean> condition) throws Exception {
    for (int i = 0; i < 200; i++) {
      if (condition.call()) {
        return;
      }
      Thread.sleep(50);
    }
    assertThat(condition.call()).as("within 10 s").isTrue();
  }

  /** Reads the live events. */
  private final class EventReader implements AutoCloseable {
    private final InputStream stream;
    private final BufferedReader lines;

    private EventReader() throws Exception {
      HttpResponse<InputStream> answer =
          client.send(request("/api/events").build(), BodyHandlers.ofInputStream());
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.headers().firstValue("Content-Type"))
          .hasValue("text/event-stream; charset=utf-8");
      assertSecured(answer);
      stream = answer.body();
      lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
    }

    private JsonNode next(String event) throws IOException {
      nextLine(line -> line.equals("event: " + event));
      return MAPPER.readTree(lines.readLine().substring("data: ".length()));
    }

    private String nextLine(Predicate<String> wanted) throws IOException {
      String line = lines.readLine();
      while (!wanted.test(line)) {
        line = lines.readLine();
      }
      return line;
    }

    @Override
    public void close() throws IOException {
      stream.close();
    }
  }
}
