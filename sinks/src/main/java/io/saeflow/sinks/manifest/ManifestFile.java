// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.manifest;

import com.fasterxml.jackson.core.JsonGenerator;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.JsonFile;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.avro.Schema;
import org.apache.avro.generic.IndexedRecord;
import org.jspecify.annotations.Nullable;

/**
 * {@code manifest.json}: the run's manifest, field by field in its schema's order (maps by key)
 * without what only concerns its topics, and {@code files}, a list of what each sink wrote, with
 * the SHA-256 of its {@link Checksums} (null where there are none). Written last, it says that the
 * rest is complete.
 */
public final class ManifestFile {
  /** Its name, in the output folder. */
  public static final String NAME = "manifest.json";

  /** They say how the work was done; the files are the same for each of their values. */
  private static final Set<String> LEFT_OUT =
      Set.of("fed", "encodeAt", "keep", "latentSinks", "generation");

  private ManifestFile() {}

  /**
   * Writes the checksums of what the sinks wrote, then replaces the manifest; when this returns, it
   * is on the disk.
   *
   * @throws IOException also if files are missing, or there are more
   */
  public static void write(OutputFolder out, RunManifest manifest, List<SinkFiles> files)
      throws IOException {
    Map<SinkFiles, String> digests = new HashMap<>();
    for (SinkFiles written : files) {
      if (written.reproducible()) {
        digests.put(written, Checksums.write(out, written));
      }
    }
    JsonFile.write(
        out.resolve(NAME),
        Durability.FORCED,
        JsonFile.Layout.INDENTED,
        json -> {
          json.writeStartObject();
          writeFields(json, manifest);
          json.writeArrayFieldStart("files");
          for (SinkFiles written : files) {
            json.writeStartObject();
            json.writeStringField("sink", written.sink());
            json.writeStringField("sae", written.sae());
            json.writeStringField("folder", written.folder());
            json.writeNumberField("files", written.files());
            String digest = digests.get(written);
            json.writeStringField(
                "checksums", digest == null ? null : Checksums.file(written.sink(), written.sae()));
            json.writeStringField("sha256", digest);
            json.writeEndObject();
          }
          json.writeEndArray();
          json.writeEndObject();
        });
  }

  /** The fields of a record of the manifest's that are in the file, in their order. */
  public static List<Schema.Field> fields(Schema schema) {
    return schema.getFields().stream().filter(field -> !LEFT_OUT.contains(field.name())).toList();
  }

  private static void writeFields(JsonGenerator json, IndexedRecord record) throws IOException {
    for (Schema.Field field : fields(record.getSchema())) {
      json.writeFieldName(field.name());
      writeValue(json, record.get(field.pos()));
    }
  }

  private static void writeValue(JsonGenerator json, @Nullable Object value) throws IOException {
    if (value instanceof IndexedRecord record) {
      json.writeStartObject();
      writeFields(json, record);
      json.writeEndObject();
    } else if (value instanceof Map<?, ?> map) {
      Map<String, @Nullable Object> byKey = new TreeMap<>();
      map.forEach((key, element) -> byKey.put(key.toString(), element));
      json.writeStartObject();
      for (Map.Entry<String, @Nullable Object> entry : byKey.entrySet()) {
        json.writeFieldName(entry.getKey());
        writeValue(json, entry.getValue());
      }
      json.writeEndObject();
    } else if (value instanceof List<?> list) {
      json.writeStartArray();
      for (Object element : list) {
        writeValue(json, element);
      }
      json.writeEndArray();
    } else {
      // What is left, strings, numbers, booleans and null, Jackson writes as they are.
      json.writePOJO(value);
    }
  }
}
