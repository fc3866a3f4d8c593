// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import com.fasterxml.jackson.databind.JsonNode;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.sinks.manifest.ManifestFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.jspecify.annotations.Nullable;

/** {@code manifest.json}, read back field by field, and found possible. */
final class ManifestReader {
  private static final Set<String> LISTED =
      Set.of("sink", "sae", "folder", "files", "checksums", "sha256");

  /** The largest autoencoders there are have as many. */
  private static final int MOST_LATENTS = 1 << 24;

  private final RunManifest manifest;
  private final List<ListedFiles> files;

  private ManifestReader(RunManifest manifest, List<ListedFiles> files) {
    this.manifest = manifest;
    this.files = files;
  }

  static ManifestReader read(byte[] bytes) throws UnsoundFileException {
    Schema schema = RunManifest.getClassSchema();
    Set<String> fields = names(schema);
    fields.add("files");
    JsonNode json = JsonFields.parse(bytes);
    JsonFields object = JsonFields.of("", json, fields);
    RunManifest manifest = decode(record("", json, schema));
    requirePossible(manifest);
    List<ListedFiles> files = new ArrayList<>();
    for (JsonNode element : object.elements("files")) {
      JsonFields listed = JsonFields.of("files %d: ".formatted(files.size()), element, LISTED);
      files.add(
          new ListedFiles(
              listed.text("sink"),
              listed.text("sae"),
              listed.text("folder"),
              listed.integer("files"),
              listed.isNull("checksums") ? null : listed.text("checksums"),
              listed.isNull("sha256") ? null : listed.text("sha256")));
    }
    return new ManifestReader(manifest, List.copyOf(files));
  }

  /** With totals, and nothing in it that cannot be. */
  RunManifest manifest() {
    return manifest;
  }

  List<ListedFiles> files() {
    return files;
  }

  private static void requirePossible(RunManifest manifest) throws UnsoundFileException {
    try {
      Topics.requireRunId(manifest.getRun());
      for (SaeManifest sae : manifest.getSaes()) {
        Topics.requireSaeId(sae.getId());
        HookPoint.parse(sae.getHook());
      }
    } catch (IllegalArgumentException e) {
      throw new UnsoundFileException(String.valueOf(e.getMessage()));
    }
    requireAtLeast("contextLength", manifest.getContextLength(), 1);
    requireAtLeast("batchSize", manifest.getBatchSize(), 1);
    requireAtLeast("top", manifest.getTop(), 0);
    requireAtLeast("random", manifest.getRandom(), 0);
    requireAtLeast("window", manifest.getWindow(), 1);
    Set<String> ids = new HashSet<>();
    for (SaeManifest sae : manifest.getSaes()) {
      require(ids.add(sae.getId()), "SAE '%s' twice (expected: once)", sae.getId());
      require(
          sae.getLatents() >= 1 && sae.getLatents() <= MOST_LATENTS,
          "latents of SAE '%s': %d (expected: 1 to %d)",
          sae.getId(),
          sae.getLatents(),
          MOST_LATENTS);
      require(
          sae.getFeatureRanges() >= 1 && sae.getFeatureRanges() <= sae.getLatents(),
          "featureRanges of SAE '%s': %d (expected: 1 to %d, the latents)",
          sae.getId(),
          sae.getFeatureRanges(),
          sae.getLatents());
    }
    RunTotals totals = manifest.getTotals();
    require(totals != null, "totals: null (expected: those of a finished run)");
    requireAtLeast("documents", totals.getDocuments(), 0);
    require(
        totals.getSequences() >= 0 && totals.getSequences() <= Integer.MAX_VALUE,
        "sequences: %d (expected: 0 to %d)",
        totals.getSequences(),
        Integer.MAX_VALUE);
    require(
        totals.getTokens() == totals.getSequences() * manifest.getContextLength(),
        "tokens: %d (expected: %d, for %d sequences of %d)",
        totals.getTokens(),
        totals.getSequences() * manifest.getContextLength(),
        totals.getSequences(),
        manifest.getContextLength());
  }

  private static void requireAtLeast(String field, long value, long least)
      throws UnsoundFileException {
    require(value >= least, "%s: %d (expected: at least %d)", field, value, least);
  }

  private static RunManifest decode(GenericData.Record generic) throws UnsoundFileException {
    try {
      ByteBuffer encoded =
          new BinaryMessageEncoder<GenericData.Record>(GenericData.get(), generic.getSchema())
              .encode(generic);
      byte[] bytes = new byte[encoded.remaining()];
      encoded.get(bytes);
      return AvroCodec.MANIFEST.decode(bytes);
    } catch (IOException | MalformedMessageException e) {
      throw new UnsoundFileException(String.valueOf(e.getMessage()));
    }
  }

  /** The value that a field of a schema has, as Avro's generic classes hold it. */
  private static @Nullable Object value(String place, JsonNode json, Schema schema)
      throws UnsoundFileException {
    return switch (schema.getType()) {
      case RECORD -> {
        JsonFields.of(place + ": ", json, names(schema));
        yield record(place + ".", json, schema);
      }
      case UNION -> {
        // Each of the manifest's unions is null or one other type.
        if (json.isNull()) {
          yield null;
        }
        yield value(place, json, schema.getTypes().get(1));
      }
      case ARRAY -> {
        requireKind(json.isArray(), place, json, "a list");
        List<@Nullable Object> values = new ArrayList<>();
        for (JsonNode element : json) {
          values.add(value(place, element, schema.getElementType()));
        }
        yield values;
      }
      case MAP -> {
        requireKind(json.isObject(), place, json, "an object");
        Map<String, @Nullable Object> values = new HashMap<>();
        for (var entry : json.properties()) {
          values.put(entry.getKey(), value(place, entry.getValue(), schema.getValueType()));
        }
        yield values;
      }
      case STRING -> {
        requireKind(json.isTextual(), place, json, "a text");
        yield json.textValue();
      }
      case BOOLEAN -> {
        requireKind(json.isBoolean(), place, json, "true or false");
        yield json.booleanValue();
      }
      case INT -> {
        requireKind(
            json.isIntegralNumber() && json.canConvertToInt(), place, json, "a 32-bit integer");
        yield json.intValue();
      }
      case LONG -> {
        requireKind(
            json.isIntegralNumber() && json.canConvertToLong(), place, json, "a 64-bit integer");
        yield json.longValue();
      }
      case DOUBLE -> {
        requireKind(json.isNumber(), place, json, "a number");
        yield json.doubleValue();
      }
      case ENUM, FIXED, BYTES, FLOAT, NULL ->
          throw new IllegalStateException(
              "%s: a %s in the manifest's schema (expected: one that can be read)"
                  .formatted(place, schema.getType()));
    };
  }

  private static Set<String> names(Schema schema) {
    Set<String> names = new HashSet<>();
    ManifestFile.fields(schema).forEach(field -> names.add(field.name()));
    return names;
  }

  private static GenericData.Record record(String place, JsonNode json, Schema schema)
      throws UnsoundFileException {
    GenericRecordBuilder record = new GenericRecordBuilder(schema);
    for (Schema.Field field : ManifestFile.fields(schema)) {
      record.set(field, value(place + field.name(), json.get(field.name()), field.schema()));
    }
    return record.build();
  }

  private static void requireKind(boolean is, String place, JsonNode json, String expected)
      throws UnsoundFileException {
    require(is, "%s: %s (expected: %s)", place, json.getNodeType(), expected);
  }
}
