// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A value that a document has in a field. Numbers come first, by size; then other texts by UTF-16
 * code unit.
 */
final class LabelValue implements Comparable<LabelValue> {
  /** Every record repeats every value, so a text that is no label must not be kept whole. */
  private static final int MAX_LENGTH = 100;

  private static final Pattern DECIMAL =
      Pattern.compile("-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,3})?");

  /** Powers of ten beyond which a number is just a text: its digits could not be written out. */
  private static final int MAX_MAGNITUDE = 50;

  private final String text;
  private final @Nullable BigDecimal number;

  private LabelValue(String text) {
    this.text = text.length() <= MAX_LENGTH ? text : text.substring(0, end(text));
    this.number = number(this.text);
  }

  /** A text, or what of it fits into 100 characters; it may be one that reads as a number. */
  static LabelValue of(String text) {
    return new LabelValue(text);
  }

  /** A JSON number, so that 5, 5.0 and 0.5e1 are one value. */
  static LabelValue ofNumber(String json) {
    BigDecimal number = number(json);
    return new LabelValue(number == null ? json : plain(number));
  }

  /** The digits of a number, without zeros at the end of its fraction. */
  static String plain(BigDecimal number) {
    return number.stripTrailingZeros().toPlainString();
  }

  /** The largest multiple of {@code width} that is not above this number; itself if it is none. */
  LabelValue floor(BigDecimal width) {
    return number == null
        ? this
        : new LabelValue(plain(number.divide(width, 0, RoundingMode.FLOOR).multiply(width)));
  }

  String text() {
    return text;
  }

  @Override
  public int compareTo(LabelValue that) {
    if (number != null && that.number != null) {
      int order = number.compareTo(that.number);
      return order != 0 ? order : text.compareTo(that.text);
    }
    if (number == null && that.number == null) {
      return text.compareTo(that.text);
    }
    return number != null ? -1 : 1;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LabelValue that && text.equals(that.text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  @Override
  public String toString() {
    return text;
  }

  private static @Nullable BigDecimal number(String text) {
    if (text.length() > MAX_LENGTH || !DECIMAL.matcher(text).matches()) {
      return null;
    }
    BigDecimal number = new BigDecimal(text);
    return Math.abs(number.precision() - number.scale()) <= MAX_MAGNITUDE ? number : null;
  }

  private static int end(String text) {
    return Character.isHighSurrogate(text.charAt(MAX_LENGTH - 1)) ? MAX_LENGTH - 1 : MAX_LENGTH;
  }
}
