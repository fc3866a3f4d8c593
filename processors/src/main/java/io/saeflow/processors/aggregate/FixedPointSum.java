// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.math.BigInteger;
import java.nio.ByteBuffer;

/**
 * A sum of float64 values that does not depend on their order: each is rounded to a multiple of
 * 2^-96 and added as a 256-bit integer.
 *
 * <p>A value of magnitude 2^127 or more makes the sum out of range for good, as does a NaN; below
 * that, 2^32 values fit for certain.
 */
final class FixedPointSum {
  static final int BYTES = 4 * Long.BYTES + 1;

  private static final int WORDS = 4;
  private static final int FRACTION_BITS = 96;
  private static final double LIMIT = 0x1p127;
  private static final int MANTISSA_BITS = 52;
  private static final int EXPONENT_BIAS = 1075;

  /** Two's complement, least significant word first. */
  private final long[] words = new long[WORDS];

  private boolean outOfRange;

  void add(double value) {
    if (!(Math.abs(value) < LIMIT)) {
      outOfRange = true;
      return;
    }
    long bits = Double.doubleToRawLongBits(value);
    int exponent = (int) (bits >>> MANTISSA_BITS) & 0x7ff;
    long mantissa = bits & ((1L << MANTISSA_BITS) - 1);
    if (exponent == 0) {
      return; // below 2^-1022, far below half of 2^-96
    }
    mantissa |= 1L << MANTISSA_BITS;
    int shift = exponent - EXPONENT_BIAS + FRACTION_BITS;
    if (shift < 0) {
      mantissa = shift < -MANTISSA_BITS - 1 ? 0 : roundHalfUp(mantissa, -shift);
      shift = 0;
    }
    int word = shift >>> 6;
    int bit = shift & 63;
    long low = mantissa << bit;
    long high = bit == 0 ? 0 : mantissa >>> (64 - bit);
    long sign = value < 0 ? -1 : 0;
    long carry = sign & 1; // two's complement: invert every word, add one
    for (int i = 0; i < WORDS; i++) {
      long magnitude = i == word ? low : i == word + 1 ? high : 0;
      long addend = magnitude ^ sign;
      long sum = words[i] + addend;
      long overflow = Long.compareUnsigned(sum, addend) < 0 ? 1 : 0;
      long total = sum + carry;
      carry = overflow + (Long.compareUnsigned(total, sum) < 0 ? 1 : 0);
      words[i] = total;
    }
  }

  /** The float64 nearest to the sum; NaN if it is out of range. */
  double value() {
    if (outOfRange) {
      return Double.NaN;
    }
    ByteBuffer bytes = ByteBuffer.allocate(WORDS * Long.BYTES);
    for (int i = WORDS - 1; i >= 0; i--) {
      bytes.putLong(words[i]);
    }
    return Math.scalb(new BigInteger(bytes.array()).doubleValue(), -FRACTION_BITS);
  }

  void writeTo(ByteBuffer out) {
    out.put((byte) (outOfRange ? 1 : 0));
    for (long word : words) {
      out.putLong(word);
    }
  }

  void readFrom(ByteBuffer in) {
    outOfRange = in.get() != 0;
    for (int i = 0; i < WORDS; i++) {
      words[i] = in.getLong();
    }
  }

  private static long roundHalfUp(long mantissa, int bits) {
    return (mantissa + (1L << (bits - 1))) >>> bits;
  }
}
