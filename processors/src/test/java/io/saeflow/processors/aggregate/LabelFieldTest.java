// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LabelFieldTest {
  @Test
  void aFieldMayHaveABinWidth() {
    assertThat(LabelField.parse("party"))
        .isEqualTo(new LabelField("party", OptionalDouble.empty()));
    assertThat(LabelField.parse("year:10"))
        .isEqualTo(new LabelField("year", OptionalDouble.of(10)));
    assertThat(LabelField.parse("dc:year:2.5"))
        .isEqualTo(new LabelField("dc:year", OptionalDouble.of(2.5)));
  }

  @ParameterizedTest
  @CsvSource({"party,party", "year:10,year:10", "year:10.0,year:10", "x:1e3,x:1000", "x:.1,x:0.1"})
  void aFieldIsWrittenAsItIsRead(String text, String written) {
    assertThat(LabelField.parse(text).text()).isEqualTo(written);
    assertThat(LabelField.parse(written)).isEqualTo(LabelField.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ":",
        ":10",
        "year:",
        "year:ten",
        "year:0",
        "year:-1",
        "year:NaN",
        "year:1e999"
      })
  void anythingElseIsRefused(String text) {
    assertThatThrownBy(() -> LabelField.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("label: '%s' (expected: FIELD, or FIELD:WIDTH with a number above zero)", text);
  }

  @Test
  void aWidthIsANumberAboveZero() {
    assertThatThrownBy(() -> new LabelField("year", OptionalDouble.of(Double.POSITIVE_INFINITY)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bin width of label 'year': Infinity (expected: a number above zero)");
    assertThatThrownBy(() -> new LabelField("", OptionalDouble.empty()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("label: '' (expected: the name of a field)");
  }

  /** In decimal: in float64 0.3 / 0.1 is below 3, and 3 * 0.1 is above 0.3. */
  @ParameterizedTest
  @CsvSource({
    "10, 1799, 1790",
    "10, 1800, 1800",
    "10, -1, -10",
    "10, -0.0, 0",
    "0.1, 0.3, 0.3",
    "0.1, 0.39, 0.3",
    "2.5, 7.4, 5",
    "2.5, 7.5, 7.5",
    "10, 9007199254740993, 9007199254740990",
    "1000, 1e20, 100000000000000000000",
    "10, 007, 0",
    "10, 1e999, 1e999",
    "10, early, early"
  })
  void aNumberCountsUnderTheEdgeBelow(String width, String value, String bin) {
    assertThat(LabelField.parse("f:" + width).bin(LabelValue.of(value)).text()).isEqualTo(bin);
  }

  @Test
  void numbersAreOneValueHoweverTheyAreWritten() {
    assertThat(Stream.of("5", "5.0", "0.5e1", "50E-1").map(LabelValue::ofNumber))
        .containsOnly(LabelValue.of("5"));
    assertThat(LabelValue.ofNumber("0.0").text()).isEqualTo("0");
    assertThat(LabelValue.ofNumber("1e999").text()).isEqualTo("1e999");
  }

  @Test
  void numbersComeBeforeOtherTexts() {
    assertThat(
            Stream.of("b", "10", "", "9", "-1", "a", "1e2", "09", "1e999")
                .map(LabelValue::of)
                .sorted())
        .extracting(LabelValue::text)
        .isEqualTo(List.of("-1", "09", "9", "10", "1e2", "", "1e999", "a", "b"));
  }

  @Test
  void aTextThatIsNoLabelIsCut() {
    assertThat(LabelValue.of("x".repeat(101)).text()).isEqualTo("x".repeat(100));
    String emoji = new String(Character.toChars(0x1F600));
    assertThat(LabelValue.of("x".repeat(99) + emoji).text()).isEqualTo("x".repeat(99));
    assertThat(LabelValue.of("x".repeat(98) + emoji).text()).isEqualTo("x".repeat(98) + emoji);
  }
}
