// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.sinks.files.JsonFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.io.JsonEncoder;
import org.apache.avro.specific.SpecificDatumWriter;

/** The JSON API's routes. {@code openapi.json} says what they take and give. */
final class Api {
  private static final int MAX_ROWS = 500;
  private static final int DEFAULT_ROWS = 50;

  // Densities from 1e-8 to 1, ten bins a decade.
  private static final int DENSITY_BINS = 80;
  private static final int BINS_A_DECADE = 10;

  private final Supplier<RunView> current;
  private final EventStreams events;

  /**
   * @param current the run that is shown now
   */
  Api(Supplier<RunView> current, EventStreams events) {
    this.current = current;
    this.events = events;
  }

  List<Route> routes() {
    return List.of(
        get("/api/runs", request -> runs()),
        get("/api/saes/{sae}/features", this::features),
        get("/api/saes/{sae}/densities", this::densities),
        get("/api/saes/{sae}/features/{index}", this::feature),
        get("/api/saes/{sae}/features/{index}/raw", this::raw),
        get("/api/saes/{sae}/drift", this::drift),
        get("/api/progress", request -> progress()),
        get("/api/events", request -> events.open()),
        new Route(
            "GET",
            "/api/openapi.json",
            Route.Protection.PUBLIC,
            request -> PageFiles.file("", "openapi.json")));
  }

  private static Route get(String template, Route.Handler handler) {
    return new Route("GET", template, Route.Protection.RESTRICTED, handler);
  }

  private Answer runs() {
    RunView run = current.get();
    Optional<JsonNode> last = run.progress().last();
    boolean complete =
        last.map(line -> line.path("complete").asBoolean()).orElse(false)
            || run.saes().stream().allMatch(sae -> sae.index().complete());
    long tokens =
        last.map(line -> line.path("tokens").asLong())
            .orElseGet(
                () -> run.saes().stream().mapToLong(sae -> sae.index().tokens()).max().orElse(0));
    return Answer.json(
        json -> {
          json.writeStartArray();
          json.writeStartObject();
          json.writeStringField("run", run.run());
          json.writeStringField("subject", run.subject());
          json.writeNumberField("contextLength", run.contextLength());
          json.writeNumberField("window", run.window());
          json.writeArrayFieldStart("labels");
          for (String label : run.labels()) {
            json.writeString(label);
          }
          json.writeEndArray();
          json.writeBooleanField("complete", complete);
          json.writeNumberField("tokens", tokens);
          JsonNode total = last.map(line -> line.path("total")).orElse(null);
          if (total != null && total.isIntegralNumber()) {
            json.writeNumberField("total", total.asLong());
          } else {
            json.writeNullField("total");
          }
          json.writeArrayFieldStart("saes");
          for (SaeView sae : run.saes()) {
            write(json, sae);
          }
          json.writeEndArray();
          json.writeEndObject();
          json.writeEndArray();
        });
  }

  private static void write(JsonGenerator json, SaeView view) throws IOException {
    SaeView.Description sae = view.description();
    json.writeStartObject();
    json.writeStringField("id", sae.id());
    json.writeStringField("hook", sae.hook());
    json.writeNumberField("latents", sae.latents());
    json.writeStringField("architecture", sae.architecture());
    json.writeFieldName("k");
    json.writeObject(sae.k());
    ProgressLog.write(json, view.index().counts(), view.index().statistics());
    json.writeEndObject();
  }

  private Answer features(Request request) throws RequestException {
    RunView run = current.get();
    FeatureIndex index = sae(run, request).index();
    Optional<String> text = request.text("q");
    int only = -1;
    Optional<BitSet> topTokens = Optional.empty();
    if (text.isPresent() && text.get().matches("\\d{1,9}")) {
      only = Integer.parseInt(text.get());
    } else if (text.isPresent()) {
      topTokens = Optional.of(run.vocabulary().containing(text.get()));
    }
    FeatureIndex.Query query =
        new FeatureIndex.Query(
            request.choice("sort", FeatureIndex.Sort.INDEX),
            request.choice("order", FeatureIndex.Order.ASC),
            only,
            topTokens,
            alive(request),
            request.decimal("minDensity", Double.NEGATIVE_INFINITY),
            request.decimal("maxDensity", Double.POSITIVE_INFINITY),
            request.whole("offset", 0, 0, Integer.MAX_VALUE),
            request.whole("limit", DEFAULT_ROWS, 1, MAX_ROWS));
    FeatureIndex.Page page = index.page(query);
    return Answer.json(
        json -> {
          json.writeStartObject();
          json.writeNumberField("total", page.total());
          json.writeNumberField("offset", query.from());
          json.writeArrayFieldStart("features");
          for (FeatureIndex.Row row : page.rows()) {
            write(json, row, run.vocabulary());
          }
          json.writeEndArray();
          json.writeEndObject();
        });
  }

  private static void write(JsonGenerator json, FeatureIndex.Row row, Vocabulary vocabulary)
      throws IOException {
    json.writeStartObject();
    json.writeNumberField("index", row.index());
    json.writeNumberField("density", row.density());
    json.writeNumberField("active", row.active());
    json.writeFieldName("max");
    if (Float.isFinite(row.max())) {
      json.writeNumber(row.max());
    } else {
      json.writeNull();
    }
    JsonFile.writeFiniteOrNull(json, "mean", row.mean());
    json.writeArrayFieldStart("topTokens");
    for (int token : row.topTokens()) {
      json.writeString(vocabulary.text(token));
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static FeatureIndex.Alive alive(Request request) throws RequestException {
    Optional<String> value = request.text("alive");
    if (value.isEmpty()) {
      return FeatureIndex.Alive.ANY;
    }
    return switch (value.get()) {
      case "true" -> FeatureIndex.Alive.ALIVE;
      case "false" -> FeatureIndex.Alive.NOT_ALIVE;
      default ->
          throw RequestException.badRequest(
              "alive: '%s' (expected: true, false)".formatted(value.get()));
    };
  }

  private Answer densities(Request request) throws RequestException {
    FeatureIndex index = sae(current.get(), request).index();
    long[] counts = new long[DENSITY_BINS];
    for (double density : index.densities()) {
      int bin = (int) Math.floor(BINS_A_DECADE * Math.log10(density)) + DENSITY_BINS;
      counts[Math.max(0, Math.min(DENSITY_BINS - 1, bin))]++;
    }
    int dead = index.counts().dead();
    return Answer.json(
        json -> {
          json.writeStartObject();
          json.writeArrayFieldStart("bins");
          for (int bin = 0; bin < DENSITY_BINS; bin++) {
            json.writeNumber((double) (bin - DENSITY_BINS) / BINS_A_DECADE);
          }
          json.writeEndArray();
          json.writeFieldName("counts");
          json.writeArray(counts, 0, counts.length);
          json.writeNumberField("dead", dead);
          json.writeEndObject();
        });
  }

  private Answer feature(Request request) throws IOException, RequestException {
    RunView run = current.get();
    SaeView sae = sae(run, request);
    FeatureRecord record = record(sae, request);
    return Answer.json(json -> FeatureJson.write(json, record, sae.index(), run.vocabulary()));
  }

  private Answer raw(Request request) throws IOException, RequestException {
    FeatureRecord record = record(sae(current.get(), request), request);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    JsonEncoder encoder = EncoderFactory.get().jsonEncoder(FeatureRecord.getClassSchema(), bytes);
    new SpecificDatumWriter<>(FeatureRecord.class).write(record, encoder);
    encoder.flush();
    return Answer.ok(Answer.JSON_TYPE, bytes.toByteArray());
  }

  private Answer drift(Request request) throws RequestException {
    RunView run = current.get();
    FeatureIndex index = sae(run, request).index();
    String field =
        request
            .text("field")
            .orElseThrow(() -> RequestException.badRequest("field: none (expected: a label's)"));
    int limit = request.whole("limit", DEFAULT_ROWS, 1, MAX_ROWS);
    if (!index.driftFields().contains(field)
        && run.labels().stream()
            .noneMatch(label -> label.equals(field) || label.startsWith(field + ":"))) {
      throw RequestException.notFound(
          "field: '%s' (expected: %s)".formatted(field, String.join(", ", run.labels())));
    }
    List<FeatureIndex.Drifter> drifters = index.drifters(field, limit);
    return Answer.json(
        json -> {
          json.writeStartArray();
          for (FeatureIndex.Drifter drifter : drifters) {
            json.writeStartObject();
            json.writeNumberField("index", drifter.index());
            json.writeNumberField("score", drifter.drift().score());
            write(json, "low", drifter.drift().low());
            write(json, "high", drifter.drift().high());
            json.writeEndObject();
          }
          json.writeEndArray();
        });
  }

  private static void write(JsonGenerator json, String field, LabelDrift.ValueDensity value)
      throws IOException {
    json.writeObjectFieldStart(field);
    json.writeStringField("value", value.value());
    json.writeNumberField("density", value.density());
    json.writeEndObject();
  }

  private Answer progress() {
    String lines = "[" + String.join(",", current.get().progress().lines()) + "]";
    return Answer.ok(Answer.JSON_TYPE, lines.getBytes(StandardCharsets.UTF_8));
  }

  private static SaeView sae(RunView run, Request request) throws RequestException {
    String id = request.variable("sae");
    return run.sae(id)
        .orElseThrow(
            () ->
                RequestException.notFound("SAE: '%s' (expected: one of the run's)".formatted(id)));
  }

  private static FeatureRecord record(SaeView sae, Request request)
      throws IOException, RequestException {
    int latent = request.count("index");
    if (latent >= sae.index().latents()) {
      throw RequestException.notFound(
          "feature: %d (expected: 0 to %d)".formatted(latent, sae.index().latents() - 1));
    }
    byte[] bytes =
        sae.record(latent)
            .orElseThrow(
                () ->
                    RequestException.notFound(
                        "feature: %d has no record yet (expected: once the run is under way)"
                            .formatted(latent)));
    try {
      return AvroCodec.FEATURE.decode(bytes);
    } catch (MalformedMessageException e) {
      throw new IOException(e);
    }
  }
}
