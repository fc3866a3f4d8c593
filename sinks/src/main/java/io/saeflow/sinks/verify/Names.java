// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import java.util.regex.Pattern;

/** Numbers in names. */
final class Names {
  private static final Pattern CANONICAL = Pattern.compile("0|[1-9][0-9]{0,8}|[12][0-9]{9}");

  private Names() {}

  /** A number of digits only, without leading zeros, as an int; -1 if {@code text} is not one. */
  static int canonicalInt(String text) {
    if (!CANONICAL.matcher(text).matches()) {
      return -1;
    }
    long value = Long.parseLong(text);
    return value <= Integer.MAX_VALUE ? (int) value : -1;
  }
}
