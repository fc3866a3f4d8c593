// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Writes JSON files whose bytes depend on the values alone: UTF-8, and every float or double as its
 * shortest decimal, whatever the JDK.
 */
public final class JsonFile {
  /** Writes a file's one JSON value. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes it.
     *
     * @param json closed by the caller
     */
    void writeTo(JsonGenerator json) throws IOException;
  }

  /** How a file is laid out. */
  public enum Layout {
    /** No white space. */
    COMPACT,
    /** One value a line, indented by four spaces, with a line break at the end. */
    INDENTED
  }

  private static final int BUFFER_BYTES = 1 << 16;

  // JDK 17's own Float.toString is not always the shortest; Jackson's is, on any JDK.
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
          .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
          .disable(StreamWriteFeature.FLUSH_PASSED_TO_STREAM)
          .build();

  private static final DefaultIndenter INDENTER = new DefaultIndenter("    ", "\n");
  private static final DefaultPrettyPrinter INDENTED =
      new DefaultPrettyPrinter(
              Separators.createDefaultInstance()
                  .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                  .withObjectEmptySeparator("")
                  .withArrayEmptySeparator(""))
          .withObjectIndenter(INDENTER)
          .withArrayIndenter(INDENTER);

  private JsonFile() {}

  /** Writes {@code target} as {@link AtomicFile#write} does. */
  public static void write(Path target, Durability durability, Layout layout, Content content)
      throws IOException {
    AtomicFile.write(
        target,
        durability,
        file -> {
          BufferedOutputStream out = new BufferedOutputStream(file, BUFFER_BYTES);
          try (JsonGenerator json = FACTORY.createGenerator(out)) {
            if (layout == Layout.INDENTED) {
              json.setPrettyPrinter(INDENTED.createInstance());
            }
            content.writeTo(json);
          }
          if (layout == Layout.INDENTED) {
            out.write('\n');
          }
          out.flush();
        });
  }

  /** Writes a field with a number, or with null if it is NaN or infinite, which JSON lacks. */
  public static void writeFiniteOrNull(JsonGenerator json, String field, double value)
      throws IOException {
    json.writeFieldName(field);
    if (Double.isFinite(value)) {
      json.writeNumber(value);
    } else {
      json.writeNull();
    }
  }
}
