// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/** A JSON object that has certain fields and no others, each of a certain type. */
final class JsonFields {
  /** A file of the size that is accepted, of the smallest values, then fits into memory. */
  private static final long MOST_TOKENS = 20_000_000;

  private static final ObjectReader READER =
      new ObjectMapper(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(16)
                          .maxNumberLength(40)
                          .maxTokenCount(MOST_TOKENS)
                          .build())
                  .build())
          .reader()
          .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private final String place;
  private final JsonNode object;

  private JsonFields(String place, JsonNode object) {
    this.place = place;
    this.object = object;
  }

  /** The one JSON value in {@code bytes}. */
  static JsonNode parse(byte[] bytes) throws UnsoundFileException {
    try {
      return READER.readTree(bytes);
    } catch (JsonProcessingException e) {
      throw new UnsoundFileException(e.getOriginalMessage() + " (expected: JSON)");
    } catch (IOException e) {
      throw new UnsoundFileException(e.getMessage() + " (expected: JSON)");
    }
  }

  /**
   * An object.
   *
   * @param place where it is in the file, with a separator behind it; empty for the file itself
   * @param fields all that it must have, and no others
   */
  static JsonFields of(String place, JsonNode value, Set<String> fields)
      throws UnsoundFileException {
    require(value.isObject(), "%s%s (expected: an object)", place, value.getNodeType());
    Set<String> found = new TreeSet<>();
    value.fieldNames().forEachRemaining(found::add);
    require(
        found.equals(fields), "%sfields %s (expected: %s)", place, found, new TreeSet<>(fields));
    return new JsonFields(place, value);
  }

  JsonNode get(String field) {
    return object.get(field);
  }

  boolean isNull(String field) {
    return get(field).isNull();
  }

  String text(String field) throws UnsoundFileException {
    requireKind(get(field).isTextual(), field, get(field), "a text");
    return get(field).textValue();
  }

  double number(String field) throws UnsoundFileException {
    double value = get(field).doubleValue();
    requireKind(
        get(field).isNumber() && Double.isFinite(value), field, get(field), "a finite number");
    return value;
  }

  /** NaN for null. */
  double numberOrNull(String field) throws UnsoundFileException {
    return isNull(field) ? Double.NaN : number(field);
  }

  long integer(String field) throws UnsoundFileException {
    JsonNode value = get(field);
    requireKind(
        value.isIntegralNumber() && value.canConvertToLong(), field, value, "a 64-bit integer");
    return value.longValue();
  }

  List<Float> floats(String field) throws UnsoundFileException {
    List<Float> values = new ArrayList<>();
    for (JsonNode element : elements(field)) {
      float value = (float) element.doubleValue();
      requireKind(element.isNumber() && Float.isFinite(value), field, element, "finite numbers");
      values.add(value);
    }
    return values;
  }

  /** How many texts the list {@code field} has. */
  int texts(String field) throws UnsoundFileException {
    for (JsonNode element : elements(field)) {
      requireKind(element.isTextual(), field, element, "texts");
    }
    return get(field).size();
  }

  /** How many token ids the list {@code field} has. */
  int tokens(String field) throws UnsoundFileException {
    for (JsonNode element : elements(field)) {
      requireKind(
          element.isIntegralNumber() && element.canConvertToInt() && element.intValue() >= 0,
          field,
          element,
          "token ids");
    }
    return get(field).size();
  }

  JsonNode elements(String field) throws UnsoundFileException {
    requireKind(get(field).isArray(), field, get(field), "a list");
    return get(field);
  }

  /** As require, but the text of the value, of which there are many, is not made for the good. */
  private void requireKind(boolean is, String field, JsonNode value, String expected)
      throws UnsoundFileException {
    if (!is) {
      throw new UnsoundFileException(
          "%s%s: %s (expected: %s)".formatted(place, field, text(value), expected));
    }
  }

  private static String text(JsonNode value) {
    return value.isValueNode()
        ? value.toString()
        : value.getNodeType().toString().toLowerCase(Locale.ROOT);
  }
}
