// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.math.BigDecimal;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * A field of the corpus' documents by whose values features are counted.
 *
 * @param field its name, not empty
 * @param binWidth if present, a number v counts under {@code floor(v / binWidth) * binWidth};
 *     finite and above zero
 */
public record LabelField(String field, OptionalDouble binWidth) {
  public LabelField {
    if (field.isEmpty()) {
      throw new IllegalArgumentException("label: '' (expected: the name of a field)");
    }
    if (binWidth.isPresent() && !isWidth(binWidth.getAsDouble())) {
      throw new IllegalArgumentException(
          "bin width of label '%s': %s (expected: a number above zero)"
              .formatted(field, binWidth.getAsDouble()));
    }
  }

  /**
   * Reads {@code FIELD} or {@code FIELD:WIDTH}; what follows the last colon is the width.
   *
   * @throws IllegalArgumentException if the text is neither
   */
  public static LabelField parse(String text) {
    int colon = text.lastIndexOf(':');
    if (colon < 0 && !text.isEmpty()) {
      return new LabelField(text, OptionalDouble.empty());
    }
    if (colon > 0) {
      try {
        double width = new BigDecimal(text.substring(colon + 1)).doubleValue();
        if (isWidth(width)) {
          return new LabelField(text.substring(0, colon), OptionalDouble.of(width));
        }
      } catch (NumberFormatException e) {
        throw unreadable(text, e);
      }
    }
    throw unreadable(text, null);
  }

  /** {@code FIELD} or {@code FIELD:WIDTH}, as {@link #parse} reads it. */
  public String text() {
    return binWidth.isEmpty() ? field : field + ":" + LabelValue.plain(width());
  }

  /** The value under which {@code value} counts: its bin if there are bins and it is a number. */
  LabelValue bin(LabelValue value) {
    return binWidth.isEmpty() ? value : value.floor(width());
  }

  /** In decimal, as it was written: 0.1 is a tenth. */
  private BigDecimal width() {
    return BigDecimal.valueOf(binWidth.orElseThrow());
  }

  private static boolean isWidth(double width) {
    return width > 0 && Double.isFinite(width);
  }

  private static IllegalArgumentException unreadable(
      String text, @Nullable NumberFormatException cause) {
    return new IllegalArgumentException(
        "label: '%s' (expected: FIELD, or FIELD:WIDTH with a number above zero)".formatted(text),
        cause);
  }
}
