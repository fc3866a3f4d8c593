// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
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

class FixedPointSumTest {
  /** Exact for multiples of 2^-96: compared with decimal arithmetic of any precision. */
  @Property
  void equalsTheExactSum(@ForAll @Size(max = 30) List<Integer> mantissas, @ForAll long seed) {
    Random random = new Random(seed);
    FixedPointSum sum = new FixedPointSum();
    BigDecimal exact = BigDecimal.ZERO;
    for (int mantissa : mantissas) {
      double value = Math.scalb((double) mantissa, random.nextInt(180) - 90);
      if (Math.abs(value) < 0x1p127) {
        sum.add(value);
        exact = exact.add(new BigDecimal(value));
      }
    }
    assertThat(sum.value()).isEqualTo(exact.doubleValue());
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
    FixedPointSum sum = new FixedPointSum();
    sum.add(value);
    // 3e-20 and 0.1 are not multiples of 2^-96: off by at most half of it.
    assertThat(sum.value()).isCloseTo(value, Offset.offset(0x1p-97));
  }

  @Test
  void roundsHalfAwayFromZeroAtTheLastBit() {
    assertThat(sumOf(List.of(0x1p-97)).value()).isEqualTo(0x1p-96);
    assertThat(sumOf(List.of(-0x1p-97)).value()).isEqualTo(-0x1p-96);
    assertThat(sumOf(List.of(0x1.fffffffffffffp-98)).value()).isZero();
    assertThat(sumOf(List.of(0x1p-500, Double.MIN_VALUE)).value()).isZero();
  }

  @Test
  void beyondTheRangeIsNaNForGood() {
    assertThat(sumOf(List.of(1.0, 0x1p127, -0x1p127)).value()).isNaN();
    assertThat(sumOf(List.of(Double.NaN)).value()).isNaN();
    assertThat(sumOf(List.of(Double.NEGATIVE_INFINITY, 3.0)).value()).isNaN();
  }

  @Test
  void survivesItsBytes() {
    FixedPointSum sum = sumOf(List.of(1.25, -7.5, 1e30));
    FixedPointSum read = new FixedPointSum();
    read.readFrom(ByteBuffer.wrap(bytes(sum)));
    assertThat(bytes(read)).isEqualTo(bytes(sum));
    read.add(2);
    sum.add(2);
    assertThat(read.value()).isEqualTo(sum.value());
  }

  private static FixedPointSum sumOf(List<Double> values) {
    FixedPointSum sum = new FixedPointSum();
    values.forEach(sum::add);
    return sum;
  }

  private static byte[] bytes(FixedPointSum sum) {
    ByteBuffer out = ByteBuffer.allocate(FixedPointSum.BYTES);
    sum.writeTo(out);
    return out.array();
  }
}
