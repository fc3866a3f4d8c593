// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.sun.net.httpserver.HttpExchange;
import io.saeflow.sinks.files.JsonFile;
import java.io.IOException;
import java.util.Map;

/** What a request gets. */
sealed interface Answer {
  String JSON_TYPE = "application/json; charset=utf-8";

  /**
   * A body that is known as a whole.
   *
   * @param headers beside the type and those that every answer has
   */
  record Whole(int status, String type, Body body, Map<String, String> headers) implements Answer {}

  /** Takes the exchange over, and ends it some time later. */
  non-sealed interface Takeover extends Answer {
    /** Begins the answer; common headers have been set. */
    void take(HttpExchange exchange) throws IOException;
  }

  /** Bytes; a class, because records hold no arrays. */
  final class Body {
    private final byte[] bytes;

    Body(byte[] bytes) {
      this.bytes = bytes;
    }

    byte[] bytes() {
      return bytes;
    }
  }

  static Whole ok(String type, byte[] bytes) {
    return new Whole(200, type, new Body(bytes), Map.of());
  }

  static Whole json(JsonFile.Content content) {
    return ok(JSON_TYPE, Json.bytes(content));
  }

  static Whole error(int status, String message, Map<String, String> headers) {
    byte[] bytes =
        Json.bytes(
            json -> {
              json.writeStartObject();
              json.writeStringField("error", message);
              json.writeEndObject();
            });
    return new Whole(status, JSON_TYPE, new Body(bytes), headers);
  }
}
