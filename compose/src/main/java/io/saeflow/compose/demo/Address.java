// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.IOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One State of the Union address.
 *
 * @param id the file's name without its extension
 * @param year of the address
 * @param president in lower case, words separated by spaces
 * @param party the package's abbreviation: n, f, dr, nu, d, w, wd or r
 */
@JsonPropertyOrder({"id", "year", "president", "party", "text"})
record Address(String id, int year, String president, String party, String text) {
  private static final Pattern FILE_NAME = Pattern.compile("(\\d{4})_([a-z_]+)_([a-z]+)\\.txt");

  /**
   * The address in the file {@code name}, such as {@code 1935_franklin_d_roosevelt_d.txt}.
   *
   * @throws IOException if that is not a year, a president and a party
   */
  static Address of(String name, String text) throws IOException {
    Matcher matcher = FILE_NAME.matcher(name);
    if (!matcher.matches()) {
      throw new IOException("file name: '%s' (expected: YEAR_PRESIDENT_PARTY.txt)".formatted(name));
    }
    return new Address(
        name.substring(0, name.length() - ".txt".length()),
        Integer.parseInt(matcher.group(1)),
        matcher.group(2).replace('_', ' '),
        matcher.group(3),
        text);
  }
}
