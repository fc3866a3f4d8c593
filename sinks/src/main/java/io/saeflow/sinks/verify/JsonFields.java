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
    require(value.isObject(), "%s%s (expected: an object)", place, kind(value));
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
    require(get(field).isTextual(), "%s (expected: a text)", told(field));
    return get(field).textValue();
  }

  double number(String field) throws UnsoundFileException {
    require(get(field).isNumber(), "%s (expected: a number)", told(field));
    double value = get(field).doubleValue();
    require(Double.isFinite(value), "%s (expected: a finite number)", told(field));
    return value;
  }

  /** NaN for null. */
  double numberOrNull(String field) throws UnsoundFileException {
    return isNull(field) ? Double.NaN : number(field);
  }

  long integer(String field) throws UnsoundFileException {
    JsonNode value = get(field);
    require(
        value.isIntegralNumber() && value.canConvertToLong(),
        "%s (expected: an integer of 64 bits)",
        told(field));
    return value.longValue();
  }

  List<Float> floats(String field) throws UnsoundFileException {
    List<Float> values = new ArrayList<>();
    for (JsonNode element : elements(field)) {
      float value = (float) element.doubleValue();
      require(
          element.isNumber() && Float.isFinite(value),
          "%s%s holds %s (expected: finite numbers)",
          place,
          field,
          kind(element));
      values.add(value);
    }
    return values;
  }

  /** How many texts the list {@code field} has. */
  int texts(String field) throws UnsoundFileException {
    for (JsonNode element : elements(field)) {
      require(element.isTextual(), "%s%s holds %s (expected: texts)", place, field, kind(element));
    }
    return elements(field).size();
  }

  /** How many token ids the list {@code field} has. */
  int tokens(String field) throws UnsoundFileException {
    for (JsonNode element : elements(field)) {
      require(
          element.canConvertToInt() && element.isIntegralNumber() && element.intValue() >= 0,
          "%s%s holds %s (expected: token ids)",
          place,
          field,
          kind(element));
    }
    return elements(field).size();
  }

  JsonNode elements(String field) throws UnsoundFileException {
    require(get(field).isArray(), "%s (expected: a list)", told(field));
    return get(field);
  }

  private String told(String field) {
    return place + field + " " + kind(get(field));
  }

  private static String kind(JsonNode value) {
    return value.isContainerNode() || value.isMissingNode()
        ? value.getNodeType().toString().toLowerCase(java.util.Locale.ROOT)
        : value.toString();
  }
}
