// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The headers of a message in dead letters, all UTF-8 text: {@code topic}, {@code partition} and
 * {@code offset} say where it stood, {@code reason} why it could not be used.
 */
public final class DeadLetterHeaders {
  private static final String TOPIC = "topic";
  private static final String PARTITION = "partition";
  private static final String OFFSET = "offset";
  private static final String REASON = "reason";

  /** What a message may have beside its value is bounded, and a reason can quote all of it. */
  private static final int MOST_REASON = 2000;

  private DeadLetterHeaders() {}

  /** The headers to add, by name; of a long reason the beginning. */
  public static Map<String, byte[]> of(String topic, int partition, long offset, String reason) {
    Map<String, byte[]> headers = new LinkedHashMap<>();
    headers.put(TOPIC, utf8(topic));
    headers.put(PARTITION, utf8(Integer.toString(partition)));
    headers.put(OFFSET, utf8(Long.toString(offset)));
    headers.put(REASON, utf8(reason.substring(0, Math.min(MOST_REASON, reason.length()))));
    return headers;
  }

  /**
   * The headers as one line, {@code topic-partition@offset: reason}.
   *
   * @param header the value of a header by its name, null if there is none; such a one reads {@code
   *     ?}
   */
  public static String describe(Function<String, byte @Nullable []> header) {
    return "%s-%s@%s: %s"
        .formatted(
            text(header.apply(TOPIC)),
            text(header.apply(PARTITION)),
            text(header.apply(OFFSET)),
            text(header.apply(REASON)));
  }

  /** Where a message stood. */
  public record Origin(String topic, int partition) {}

  /**
   * Where the message stood; empty if its headers do not say so.
   *
   * @param header the value of a header by its name, null if there is none
   */
  public static Optional<Origin> origin(Function<String, byte @Nullable []> header) {
    byte[] topic = header.apply(TOPIC);
    byte[] partition = header.apply(PARTITION);
    if (topic == null || partition == null) {
      return Optional.empty();
    }
    try {
      int number = Integer.parseInt(text(partition));
      return number < 0 ? Optional.empty() : Optional.of(new Origin(text(topic), number));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  /**
   * The offset at which the message stood; empty if its headers do not say so.
   *
   * @param header the value of a header by its name, null if there is none
   */
  public static OptionalLong offset(Function<String, byte @Nullable []> header) {
    byte[] offset = header.apply(OFFSET);
    if (offset == null) {
      return OptionalLong.empty();
    }
    try {
      return OptionalLong.of(Long.parseLong(text(offset)));
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte @Nullable [] value) {
    return value == null ? "?" : new String(value, StandardCharsets.UTF_8);
  }
}
