// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.StringWriter;
import org.jspecify.annotations.Nullable;

/** Makes a document of one JSON object. Numbers keep the digits they are written with. */
final class JsonDocumentParser {
  private final String textField;
  private final JsonFactory json;

  JsonDocumentParser(String textField, int maxTextLength) {
    this.textField = textField;
    this.json =
        JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(
                StreamReadConstraints.builder().maxStringLength(maxTextLength).build())
            .build();
  }

  /**
   * Parses one object.
   *
   * @param place where it stands, for error messages
   * @throws CorpusException if it is no JSON object, or its text is missing, no string, or has half
   *     a surrogate pair
   */
  Document parse(long number, String object, String place) throws CorpusException {
    StringWriter labels = new StringWriter();
    String text = null;
    try (JsonParser parser = json.createParser(object);
        JsonGenerator generator = json.createGenerator(labels)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new CorpusException(
            "%s: %s (expected: a JSON object)".formatted(place, parser.currentToken()));
      }
      generator.writeStartObject();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        if (name.equals(textField)) {
          if (value != JsonToken.VALUE_STRING) {
            throw new CorpusException(
                "%s: field '%s' is %s (expected: a string)".formatted(place, name, value));
          }
          text = parser.getText();
        } else {
          copyScalar(name, value, parser, generator);
        }
      }
      if (parser.nextToken() != null) {
        throw new CorpusException(
            "%s: more after the JSON object (expected: one object a line)".formatted(place));
      }
      generator.writeEndObject();
    } catch (JsonProcessingException e) {
      throw new CorpusException(
          "%s, column %d: not valid JSON: %s"
              .formatted(
                  place,
                  e.getLocation() == null ? 1 : e.getLocation().getColumnNr(),
                  firstLine(e.getOriginalMessage())),
          e);
    } catch (IOException e) {
      throw new CorpusException("%s: cannot be read: %s".formatted(place, e), e);
    }
    return new Document(number, requireText(text, place), labels.toString());
  }

  private static void copyScalar(
      String name, JsonToken value, JsonParser parser, JsonGenerator generator) throws IOException {
    if (value == JsonToken.VALUE_STRING) {
      generator.writeStringField(name, parser.getText());
    } else if (value.isNumeric()) {
      generator.writeFieldName(name);
      generator.writeNumber(parser.getText());
    } else if (value.isBoolean()) {
      generator.writeBooleanField(name, value == JsonToken.VALUE_TRUE);
    } else {
      parser.skipChildren();
    }
  }

  private String requireText(@Nullable String text, String place) throws CorpusException {
    if (text == null) {
      throw new CorpusException("%s: no field '%s'".formatted(place, textField));
    }
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        if (Character.isSurrogatePair(
            text.charAt(i), i + 1 < text.length() ? text.charAt(i + 1) : 0)) {
          i++;
        } else {
          throw new CorpusException(
              "%s: field '%s' has half a surrogate pair at character %d (expected: Unicode text)"
                  .formatted(place, textField, i));
        }
      }
    }
    return text;
  }

  private static String firstLine(String message) {
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end);
  }
}
