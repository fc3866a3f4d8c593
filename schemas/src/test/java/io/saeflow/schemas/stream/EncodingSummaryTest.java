// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class EncodingSummaryTest {
  @Test
  void errorsAreRoundedToTheNearestUnit() {
    EncodingSummary summary =
        EncodingSummary.of(1, 9, new double[] {0.25, Double.NaN, 0x1.2p-40, 0x1.8p-41, 0x1p-43});
    assertThat(summary.reconstructedTokens()).isEqualTo(4);
    assertThat(summary.normalizedErrors())
        .isEqualTo(BigInteger.TWO.pow(38).add(BigInteger.valueOf(1 + 1)));
    assertThat(EncodingSummary.toNumber(summary.normalizedErrors())).isEqualTo(0.25 + 2 * 0x1p-40);
  }

  @Test
  void aHugeErrorIsNotCutOff() {
    EncodingSummary summary =
        EncodingSummary.of(0, 0, new double[] {0x1p270, 1, Double.POSITIVE_INFINITY});
    assertThat(summary.reconstructedTokens()).isEqualTo(2);
    assertThat(summary.normalizedErrors())
        .isEqualTo(BigInteger.TWO.pow(310).add(BigInteger.TWO.pow(40)));
    assertThat(summary.normalizedErrors().toString()).hasSizeLessThan(120);
  }

  @Property(tries = 200)
  void sumsDoNotDependOnTheCut(
      @ForAll @Size(max = 20) List<@DoubleRange(max = 1e6) Double> list, @ForAll int cut) {
    double[] errors = list.stream().mapToDouble(Double::doubleValue).toArray();
    int at = Math.floorMod(cut, errors.length + 1);
    double[] before = Arrays.copyOf(errors, at);
    double[] after = Arrays.copyOfRange(errors, at, errors.length);
    EncodingSummary whole = EncodingSummary.of(0, 0, errors);
    assertThat(
            EncodingSummary.of(0, 0, before)
                .normalizedErrors()
                .add(EncodingSummary.of(0, 0, after).normalizedErrors()))
        .isEqualTo(whole.normalizedErrors());
    assertThat(EncodingSummary.toNumber(whole.normalizedErrors()))
        .isCloseTo(Arrays.stream(errors).sum(), within(1e-6));
  }

  @Test
  void whatCannotBeIsRefused() {
    assertThatThrownBy(() -> EncodingSummary.withoutDecoder(0, -1))
        .hasMessage(
            "summary: 0 non-finite tokens, -1 non-zeros, 0 reconstructed tokens (expected: none negative)");
    assertThatThrownBy(() -> new EncodingSummary(0, 0, 0, BigInteger.ONE))
        .hasMessage("normalised errors: 1 for 0 tokens (expected: none negative, 0 for none)");
    assertThatThrownBy(() -> new EncodingSummary(0, 0, 1, BigInteger.ONE.negate()))
        .hasMessageContaining("normalised errors: -1");
  }
}
