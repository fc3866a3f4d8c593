// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What a route needs of a request. */
final class Request {
  private static final int MAX_BODY = 64 << 10;

  private final Map<String, String> path;
  private final Map<String, String> query;
  private final InputStream body;

  /**
   * @param path the values of the route's variables, decoded
   * @param rawQuery as in the address, or null
   */
  Request(Map<String, String> path, @Nullable String rawQuery, InputStream body)
      throws RequestException {
    this.path = path;
    this.query = parse(rawQuery);
    this.body = body;
  }

  /** The segments of a path, decoded. */
  static List<String> segments(String rawPath) throws RequestException {
    String[] raw = rawPath.substring(1).split("/", -1);
    for (int i = 0; i < raw.length; i++) {
      // A plus sign is a space in queries only.
      raw[i] = decode(raw[i].replace("+", "%2B"));
    }
    return List.of(raw);
  }

  /** A variable of the route. */
  String variable(String name) {
    String value = path.get(name);
    if (value == null) {
      throw new IllegalArgumentException(
          "variable: %s (expected: one of %s)".formatted(name, path.keySet()));
    }
    return value;
  }

  /** A variable of the route that counts something. */
  int count(String name) throws RequestException {
    return number(name, variable(name), 0, Integer.MAX_VALUE);
  }

  /** A parameter; empty if it is absent or has no text. */
  Optional<String> text(String name) {
    return Optional.ofNullable(query.get(name)).filter(value -> !value.isEmpty());
  }

  int whole(String name, int absent, int min, int max) throws RequestException {
    Optional<String> value = text(name);
    return value.isEmpty() ? absent : number(name, value.get(), min, max);
  }

  double decimal(String name, double absent) throws RequestException {
    Optional<String> value = text(name);
    if (value.isEmpty()) {
      return absent;
    }
    try {
      double number = Double.parseDouble(value.get());
      if (Double.isFinite(number)) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Told below, as for numbers that are not finite.
    }
    throw RequestException.badRequest(
        "%s: '%s' (expected: a finite number)".formatted(name, value.get()));
  }

  /** A parameter that names one of an enum's constants in lower case. */
  <E extends Enum<E>> E choice(String name, E absent) throws RequestException {
    Optional<String> value = text(name);
    if (value.isEmpty()) {
      return absent;
    }
    E[] choices = absent.getDeclaringClass().getEnumConstants();
    for (E choice : choices) {
      if (lowerCase(choice).equals(value.get())) {
        return choice;
      }
    }
    throw RequestException.badRequest(
        "%s: '%s' (expected: %s)"
            .formatted(
                name,
                value.get(),
                Arrays.stream(choices).map(Request::lowerCase).collect(Collectors.joining(", "))));
  }

  /** The body, which must not be long. */
  byte[] body() throws IOException, RequestException {
    byte[] bytes = body.readNBytes(MAX_BODY + 1);
    if (bytes.length > MAX_BODY) {
      throw new RequestException(413, "body: too long (expected: at most 65536 bytes)");
    }
    return bytes;
  }

  private static String lowerCase(Enum<?> choice) {
    return choice.name().toLowerCase(Locale.ROOT);
  }

  private static int number(String name, String value, int min, int max) throws RequestException {
    try {
      int number = Integer.parseInt(value);
      if (number >= min && number <= max) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Told below, as for numbers out of range.
    }
    throw RequestException.badRequest(
        "%s: '%s' (expected: a whole number from %d to %d)".formatted(name, value, min, max));
  }

  private static Map<String, String> parse(@Nullable String rawQuery) throws RequestException {
    Map<String, String> query = new HashMap<>();
    if (rawQuery != null) {
      for (String part : rawQuery.split("&", -1)) {
        int equals = part.indexOf('=');
        String name = decode(equals < 0 ? part : part.substring(0, equals));
        query.put(name, equals < 0 ? "" : decode(part.substring(equals + 1)));
      }
    }
    return query;
  }

  private static String decode(String raw) throws RequestException {
    try {
      return URLDecoder.decode(raw, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw RequestException.badRequest("address: '%s' (expected: well-formed)".formatted(raw));
    }
  }
}
