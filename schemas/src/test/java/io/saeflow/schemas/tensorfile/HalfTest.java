// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class HalfTest {
  /** The definition: sign * 2^(exponent - 25) * (1024 + fraction), or subnormal. */
  private static double value(int bits) {
    int exponent = bits >> 10 & 31;
    int fraction = bits & 1023;
    double magnitude =
        exponent == 31
            ? (fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN)
            : exponent == 0
                ? Math.scalb((double) fraction, -24)
                : Math.scalb(1024.0 + fraction, exponent - 25);
    return bits >> 15 == 0 ? magnitude : -magnitude;
  }

  @Test
  void everyHalfWidensExactly() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      double expected = value(bits);
      float actual = Half.toFloat((short) bits);
      assertThat((double) actual).as("0x%04x", bits).isEqualTo(Double.valueOf(expected));
    }
    assertThat(Float.floatToRawIntBits(Half.toFloat((short) 0x8000))).isEqualTo(0x80000000);
  }

  @Test
  void everyHalfSurvivesTheRoundTrip() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      short back = Half.fromFloat(Half.toFloat((short) bits));
      if (Double.isNaN(value(bits))) {
        assertThat(value(back & 0xffff)).as("0x%04x", bits).isNaN();
      } else {
        assertThat(back).as("0x%04x", bits).isEqualTo((short) bits);
      }
    }
  }

  @Test
  void roundsToTheNearestAndTiesToEven() {
    for (int bits = 0; bits < 0x7bff; bits++) { // each pair of neighbours, both signs
      float low = (float) value(bits);
      float high = (float) value(bits + 1);
      float middle = (float) ((value(bits) + value(bits + 1)) / 2); // exact in float32
      short even = (short) (bits % 2 == 0 ? bits : bits + 1);
      for (int sign = 1; sign >= -1; sign -= 2) {
        int signBit = sign < 0 ? 0x8000 : 0;
        assertThat(Half.fromFloat(sign * middle)).isEqualTo((short) (even | signBit));
        assertThat(Half.fromFloat(sign * Math.nextDown(middle)))
            .isEqualTo((short) (bits | signBit));
        assertThat(Half.fromFloat(sign * Math.nextUp(middle)))
            .isEqualTo((short) (bits + 1 | signBit));
        assertThat(Half.fromFloat(sign * Math.nextUp(low))).isEqualTo((short) (bits | signBit));
        assertThat(Half.fromFloat(sign * Math.nextDown(high)))
            .isEqualTo((short) (bits + 1 | signBit));
      }
    }
  }

  @Test
  void noRandomFloatHasANearerHalf() {
    Random random = new Random(7);
    for (int i = 0; i < 200_000; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      if (!(Math.abs(value) < 65504)) {
        continue;
      }
      int bits = Half.fromFloat(value) & 0xffff;
      double distance = Math.abs(value(bits) - value);
      assertThat(distance).isLessThanOrEqualTo(Math.abs(value(bits + 1) - value));
      if ((bits & 0x7fff) != 0) {
        assertThat(distance).isLessThanOrEqualTo(Math.abs(value(bits - 1) - value));
      }
    }
  }

  @Test
  void theEndsOfTheRange() {
    assertThat(Half.fromFloat(65504)).isEqualTo((short) 0x7bff);
    assertThat(Half.fromFloat(Math.nextDown(65520f))).isEqualTo((short) 0x7bff);
    assertThat(Half.fromFloat(65520)).isEqualTo((short) 0x7c00);
    assertThat(Half.fromFloat(-Float.MAX_VALUE)).isEqualTo((short) 0xfc00);
    assertThat(Half.fromFloat(Float.NEGATIVE_INFINITY)).isEqualTo((short) 0xfc00);
    assertThat(Half.fromFloat(0x1p-25f)).isEqualTo((short) 0);
    assertThat(Half.fromFloat(Math.nextUp(0x1p-25f))).isEqualTo((short) 1);
    assertThat(Half.fromFloat(-0f)).isEqualTo((short) 0x8000);
    assertThat(Half.fromFloat(Float.MIN_VALUE)).isEqualTo((short) 0);
    assertThat(value(Half.fromFloat(Float.NaN) & 0xffff)).isNaN();
    assertThat(value(Half.fromFloat(Float.intBitsToFloat(0xff800001)) & 0xffff)).isNaN();
  }

  @Test
  void bfloat16IsTheUpperHalfOfAFloat() {
    assertThat(Half.bfloat16ToFloat((short) 0x3f80)).isEqualTo(1f);
    assertThat(Half.bfloat16ToFloat((short) 0xc049)).isEqualTo(-3.140625f);
    assertThat(Half.bfloat16ToFloat((short) 0x7f80)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(Half.bfloat16ToFloat((short) 0x7fc0)).isNaN();
    assertThat(Half.bfloat16ToFloat((short) 1)).isEqualTo(Math.scalb(1f, -133));
  }
}
