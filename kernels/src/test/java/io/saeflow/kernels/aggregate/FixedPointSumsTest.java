// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FixedPointSumsTest {
  /** Exact for multiples of 2^-96: compared with decimal arithmetic of any precision. */
  @Property
  void equalsTheExactSum(@ForAll @Size(max = 30) List<Integer> mantissas, @ForAll long seed) {
    Random random = new Random(seed);
    FixedPointSums sum = new FixedPointSums(1);
    BigDecimal exact = BigDecimal.ZERO;
    for (int mantissa : mantissas) {
      double value = Math.scalb((double) mantissa, random.nextInt(180) - 90);
      if (Math.abs(value) < 0x1p127) {
        sum.add(0, value);
        exact = exact.add(new BigDecimal(value));
      }
    }
    assertThat(sum.value(0)).isEqualTo(exact.doubleValue());
  }

  @Property
  void doesNotDependOnTheOrder(@ForAll @Size(max = 40) List<Double> values, @ForAll long seed) {
    List<Double> shuffled = new ArrayList<>(values);
    Collections.shuffle(shuffled, new Random(seed));
    assertThat(bytes(sumOf(shuffled))).isEqualTo(bytes(sumOf(values)));
  }

  @ParameterizedTest
  @ValueSource(
      doubles = {0, 1, -1, 0.1, 0x1p-96, 0x1.8p-95, -0x1p-96, 0x1.fffffffffffffp126, 3e-20, 1e38})
  void aSingleMultipleIsKept(double value) {
    FixedPointSums sum = new FixedPointSums(1);
    sum.add(0, value);
    // 3e-20 and 0.1 are not multiples of 2^-96: off by at most half of it.
    assertThat(sum.value(0)).isCloseTo(value, Offset.offset(0x1p-97));
  }

  @Test
  void roundsHalfAwayFromZeroAtTheLastBit() {
    assertThat(sumOf(List.of(0x1p-97)).value(0)).isEqualTo(0x1p-96);
    assertThat(sumOf(List.of(-0x1p-97)).value(0)).isEqualTo(-0x1p-96);
    assertThat(sumOf(List.of(0x1.fffffffffffffp-98)).value(0)).isZero();
    assertThat(sumOf(List.of(0x1p-500, Double.MIN_VALUE)).value(0)).isZero();
  }

  @Test
  void beyondTheRangeIsNaNForGood() {
    assertThat(sumOf(List.of(1.0, 0x1p127, -0x1p127)).value(0)).isNaN();
    assertThat(sumOf(List.of(Double.NaN)).value(0)).isNaN();
    assertThat(sumOf(List.of(Double.NEGATIVE_INFINITY, 3.0)).value(0)).isNaN();
  }

  /** A carry, or the sign of a negative sum, must end with the sum's own words. */
  @Property
  void sumsDoNotTouchEachOther(@ForAll @Size(max = 30) List<Integer> mantissas) {
    FixedPointSums sums = new FixedPointSums(3);
    BigDecimal exact = BigDecimal.ZERO;
    for (int mantissa : mantissas) {
      sums.add(0, -(double) mantissa);
      sums.add(1, mantissa);
      sums.add(2, -0x1p-96);
      exact = exact.add(BigDecimal.valueOf(mantissa));
    }
    assertThat(sums.value(0)).isEqualTo(exact.negate().doubleValue());
    assertThat(sums.value(1)).isEqualTo(exact.doubleValue());
    assertThat(sums.value(2)).isEqualTo(-0x1p-96 * mantissas.size());
  }

  /** Modulo 2^256, as the words are. */
  @Property
  void multiplesAreAddedExactly(@ForAll @Size(max = 40) List<Long> multiples, @ForAll long seed) {
    Random random = new Random(seed);
    FixedPointSums sums = new FixedPointSums(3);
    BigInteger exact = BigInteger.ZERO;
    for (long multiple : multiples) {
      int limb = random.nextInt(8);
      sums.addMultiple(1, limb, multiple);
      exact = exact.add(BigInteger.valueOf(multiple).shiftLeft(32 * limb));
    }
    ByteBuffer words = ByteBuffer.wrap(bytes(sums, 1)).position(1);
    BigInteger sum = BigInteger.ZERO;
    for (int i = 0; i < 4; i++) {
      sum = sum.add(new BigInteger(Long.toUnsignedString(words.getLong())).shiftLeft(64 * i));
    }
    assertThat(sum).isEqualTo(exact.mod(BigInteger.ONE.shiftLeft(256)));
    assertThat(sums.value(0)).isZero();
    assertThat(sums.value(2)).isZero();
  }

  @Test
  void multiplesCarryAndBorrowThroughAllWords() {
    FixedPointSums sum = new FixedPointSums(1);
    sum.addMultiple(0, 0, -1);
    assertThat(sum.value(0)).isEqualTo(-0x1p-96);
    sum.addMultiple(0, 0, 2);
    assertThat(sum.value(0)).isEqualTo(0x1p-96);
    sum.addMultiple(0, 3, -3);
    assertThat(sum.value(0)).isEqualTo(-3 + 0x1p-96);
    sum.setOutOfRange(0);
    assertThat(sum.value(0)).isNaN();
  }

  @Test
  void survivesItsBytes() {
    FixedPointSums sum = sumOf(List.of(1.25, -7.5, 1e30));
    FixedPointSums read = new FixedPointSums(1);
    read.readFrom(ByteBuffer.wrap(bytes(sum)), 0);
    assertThat(bytes(read)).isEqualTo(bytes(sum));
    read.add(0, 2);
    sum.add(0, 2);
    assertThat(read.value(0)).isEqualTo(sum.value(0));
  }

  private static FixedPointSums sumOf(List<Double> values) {
    FixedPointSums sum = new FixedPointSums(1);
    values.forEach(value -> sum.add(0, value));
    return sum;
  }

  private static byte[] bytes(FixedPointSums sum) {
    return bytes(sum, 0);
  }

  private static byte[] bytes(FixedPointSums sums, int sum) {
    ByteBuffer out = ByteBuffer.allocate(FixedPointSums.BYTES);
    sums.writeTo(out, sum);
    return out.array();
  }
}
