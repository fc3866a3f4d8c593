// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.feature.IntList;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class JsonBytesTest {
  private final JsonBytes json = new JsonBytes();

  @Test
  void numbersReadAsInAFile() {
    json.append("[");
    json.appendNumber(Integer.MIN_VALUE);
    json.append(",");
    json.appendNumber(Long.MIN_VALUE);
    json.append(",");
    json.appendNumber(1f / 3);
    json.append(",");
    json.appendNumber(-0f);
    json.append(",");
    // JDK 17's Double.toString gives 1.9999999999999998E23.
    json.appendNumber(Double.parseDouble("2e23"));
    json.append("]");
    assertThat(text()).isEqualTo("[-2147483648,-9223372036854775808,0.33333334,-0.0,2.0E23]");
  }

  @Test
  void anArrayEndsWithoutAComma() {
    json.append("[[");
    json.endArray();
    json.append(",[1,");
    json.endArray();
    json.append(",");
    json.endArray();
    assertThat(text()).isEqualTo("[[],[1]]");
  }

  @Test
  void growsAndIsUsedAgain() {
    String piece = "0123456789".repeat(50);
    StringBuilder expected = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      json.append(piece.getBytes(StandardCharsets.US_ASCII));
      json.appendNumber(i);
      expected.append(piece).append(i);
    }
    assertThat(text()).isEqualTo(expected.toString());
    json.clear();
    json.append("x");
    assertThat(text()).isEqualTo("x");
  }

  @Test
  void whatIsNotFiniteBecomesNull() {
    json.appendFiniteOrNull(Double.NaN);
    json.append(",");
    json.appendFiniteOrNull(Double.POSITIVE_INFINITY);
    json.append(",");
    json.appendFiniteOrNull(-0.5);
    assertThat(text()).isEqualTo("null,null,-0.5");
  }

  @Test
  void repeatsItself() {
    json.append("[{\"a\":1},");
    json.appendAgain(1, 8);
    json.append("]");
    assertThat(text()).isEqualTo("[{\"a\":1},{\"a\":1}]");
  }

  @Test
  void appendsPieces() {
    JsonPieces pieces = new JsonPieces();
    pieces.put(3, "x".getBytes(StandardCharsets.UTF_8));
    pieces.put(0, "0123456789abcde".getBytes(StandardCharsets.UTF_8));
    pieces.put(100, "é€".getBytes(StandardCharsets.UTF_8));
    IntList numbers = new IntList(0, 100, 3, 3, 7, 0);
    assertThat(pieces.missing(numbers, 0)).isEqualTo(4);
    assertThat(pieces.missing(numbers, 5)).isEqualTo(6);
    assertThat(pieces.missing(new IntList(100_000), 0)).isEqualTo(0);
    json.append(pieces, numbers, 0, 4);
    json.append(pieces, numbers, 5, 5);
    json.append("|");
    assertThat(text()).isEqualTo("0123456789abcdeé€xx|");
  }

  @Test
  void aPieceIsShort() {
    assertThatThrownBy(() -> new JsonPieces().put(0, new byte[16]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("piece: 16 bytes (expected: 1 to 15)");
  }

  private String text() {
    return new String(json.toByteArray(), StandardCharsets.UTF_8);
  }
}
