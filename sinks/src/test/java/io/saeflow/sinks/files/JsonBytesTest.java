// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import static org.assertj.core.api.Assertions.assertThat;

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

  private String text() {
    return new String(json.toByteArray(), StandardCharsets.UTF_8);
  }
}
