// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonFileTest {
  @TempDir Path folder;

  @Test
  void numbersAreTheirShortestDecimals() throws IOException {
    Path file = folder.resolve("numbers.json");
    JsonFile.write(
        file,
        Durability.BUFFERED,
        JsonFile.Layout.COMPACT,
        json -> {
          json.writeStartArray();
          json.writeNumber(0.1f);
          json.writeNumber(1f / 3);
          json.writeNumber(Float.MIN_VALUE);
          json.writeNumber(1.0 / 3);
          // JDK 17's Double.toString gives 1.9999999999999998E23.
          json.writeNumber(Double.parseDouble("2e23"));
          json.writeEndArray();
        });
    assertThat(file).hasContent("[0.1,0.33333334,1.4E-45,0.3333333333333333,2.0E23]");
  }

  @Test
  void whatIsNotFiniteBecomesNull() throws IOException {
    Path file = folder.resolve("null.json");
    JsonFile.write(
        file,
        Durability.BUFFERED,
        JsonFile.Layout.COMPACT,
        json -> {
          json.writeStartObject();
          JsonFile.writeFiniteOrNull(json, "a", Double.NaN);
          JsonFile.writeFiniteOrNull(json, "b", Double.NEGATIVE_INFINITY);
          JsonFile.writeFiniteOrNull(json, "c", -0.5);
          json.writeEndObject();
        });
    assertThat(file).hasContent("{\"a\":null,\"b\":null,\"c\":-0.5}");
  }

  @Test
  void indentsByFour() throws IOException {
    Path file = folder.resolve("indented.json");
    JsonFile.write(
        file,
        Durability.FORCED,
        JsonFile.Layout.INDENTED,
        json -> {
          json.writeStartObject();
          json.writeNumberField("a", 1);
          json.writeArrayFieldStart("b");
          json.writeNumber(2);
          json.writeEndArray();
          json.writeObjectFieldStart("c");
          json.writeEndObject();
          json.writeArrayFieldStart("d");
          json.writeEndArray();
          json.writeEndObject();
        });
    assertThat(file)
        .content()
        .isEqualTo(
            """
            {
                "a": 1,
                "b": [
                    2
                ],
                "c": {},
                "d": []
            }
            """);
  }
}
