// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How a number of tokens is written: {@code 200000}, {@code 200_000}, {@code 200k}, {@code 2m}. */
public final class TokenCount {
  private static final Pattern FORM = Pattern.compile("(\\d[\\d_]{0,24})([kmb]?)");
  private static final Map<String, Long> UNITS =
      Map.of("", 1L, "k", 1_000L, "m", 1_000_000L, "b", 1_000_000_000L);

  private TokenCount() {}

  /**
   * The number that {@code text} means.
   *
   * @throws IllegalArgumentException if it is none, or beyond 2^63
   */
  public static long parse(String text) {
    Matcher matcher = FORM.matcher(text.toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw unreadable(text);
    }
    try {
      long number = Long.parseLong(matcher.group(1).replace("_", ""));
      return Math.multiplyExact(number, UNITS.get(matcher.group(2)).longValue());
    } catch (ArithmeticException | NumberFormatException e) {
      throw unreadable(text);
    }
  }

  private static IllegalArgumentException unreadable(String text) {
    return new IllegalArgumentException(
        "'%s' (expected: a number of tokens such as 200000, 200_000, 200k or 2m)".formatted(text));
  }
}
