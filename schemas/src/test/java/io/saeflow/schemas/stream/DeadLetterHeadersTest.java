// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DeadLetterHeadersTest {
  @Test
  void areUtf8Text() {
    Map<String, byte[]> headers = DeadLetterHeaders.of("run.tokens", 2, 1L << 40, "größer");

    assertThat(headers).containsOnlyKeys("topic", "partition", "offset", "reason");
    assertThat(headers.get("topic")).asString(StandardCharsets.UTF_8).isEqualTo("run.tokens");
    assertThat(headers.get("partition")).asString(StandardCharsets.UTF_8).isEqualTo("2");
    assertThat(headers.get("offset")).asString(StandardCharsets.UTF_8).isEqualTo("1099511627776");
    assertThat(headers.get("reason")).asString(StandardCharsets.UTF_8).isEqualTo("größer");
  }

  @Test
  void readAsOneLine() {
    Map<String, byte[]> headers = DeadLetterHeaders.of("run.tokens", 2, 17, "too long");

    assertThat(DeadLetterHeaders.describe(headers::get)).isEqualTo("run.tokens-2@17: too long");
    assertThat(DeadLetterHeaders.offset(headers::get)).hasValue(17);
    headers.put("offset", new byte[] {'x'});
    assertThat(DeadLetterHeaders.offset(headers::get)).isEmpty();
    assertThat(DeadLetterHeaders.offset(name -> null)).isEmpty();
  }

  @Test
  void thatAreMissingReadAsQuestionMarks() {
    assertThat(DeadLetterHeaders.describe(name -> null)).isEqualTo("?-?@?: ?");
  }
}
