// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.BitSet;

/**
 * Sums of float64 values that do not depend on their order: each value is rounded to a multiple of
 * 2^-96 and added as a 256-bit integer.
 *
 * <p>A value of magnitude 2^127 or more makes a sum out of range for good, as does a NaN; below
 * that, 2^32 values fit for certain.
 */
final class FixedPointSums {
  /** What one sum takes when it is saved. */
  static final int BYTES = 4 * Long.BYTES + 1;

  private static final int WORDS = 4;
  private static final int FRACTION_BITS = 96;
  private static final double LIMIT = 0x1p127;
  private static final int MANTISSA_BITS = 52;
  private static final int EXPONENT_BIAS = 1075;

  /** {@value #WORDS} a sum: two's complement, least significant word first. */
  private final long[] words;

  private final BitSet outOfRange = new BitSet();

  /**
   * @param count how many sums, all zero
   */
  FixedPointSums(int count) {
    this.words = new long[count * WORDS];
  }

  void add(int sum, double value) {
    if (!(Math.abs(value) < LIMIT)) {
      outOfRange.set(sum);
      return;
    }
    long bits = Double.doubleToRawLongBits(value);
    int exponent = (int) (bits >>> MANTISSA_BITS) & 0x7ff;
    if (exponent == 0) {
      return; // below 2^-1022, far below half of 2^-96
    }
    long mantissa = bits & ((1L << MANTISSA_BITS) - 1) | 1L << MANTISSA_BITS;
    int shift = exponent - EXPONENT_BIAS + FRACTION_BITS;
    if (shift < 0) {
      mantissa = shift < -MANTISSA_BITS - 1 ? 0 : roundHalfUp(mantissa, -shift);
      shift = 0;
    }
    int word = sum * WORDS + (shift >>> 6);
    int end = (sum + 1) * WORDS;
    int bit = shift & 63;
    long low = mantissa << bit;
    long high = mantissa >>> 1 >>> (63 - bit);
    if (value > 0) {
      add(word, end, low, high);
    } else {
      subtract(word, end, low, high);
    }
  }

  /**
   * Adds {@code multiple} times 2^({@code 32 limb} - 96).
   *
   * @param limb 0 to 7
   */
  void addMultiple(int sum, int limb, long multiple) {
    int bit = limb % 2 * Integer.SIZE;
    // The product in two's complement: two words, and its sign in those above them.
    long addend = multiple << bit;
    long next = multiple >> (Long.SIZE - 1 - bit) >> 1;
    int carry = 0;
    for (int i = sum * WORDS + limb / 2; i < (sum + 1) * WORDS; i++) {
      long before = words[i] + carry;
      carry = before == 0 ? carry : 0;
      words[i] = before + addend;
      carry += Long.compareUnsigned(words[i], addend) < 0 ? 1 : 0;
      addend = next;
      next >>= Long.SIZE - 1;
    }
  }

  void setOutOfRange(int sum) {
    outOfRange.set(sum);
  }

  /** {@code high} is below 2^53, so a carry fits into it; a value's magnitude into two words. */
  private void add(int word, int end, long low, long high) {
    words[word] += low;
    long addend = high + (Long.compareUnsigned(words[word], low) < 0 ? 1 : 0);
    words[word + 1] += addend;
    if (Long.compareUnsigned(words[word + 1], addend) < 0) {
      for (int i = word + 2; i < end && ++words[i] == 0; i++) {}
    }
  }

  private void subtract(int word, int end, long low, long high) {
    long borrow = Long.compareUnsigned(words[word], low) < 0 ? 1 : 0;
    words[word] -= low;
    long subtrahend = high + borrow;
    boolean borrows = Long.compareUnsigned(words[word + 1], subtrahend) < 0;
    words[word + 1] -= subtrahend;
    for (int i = word + 2; i < end && borrows; i++) {
      borrows = words[i]-- == 0;
    }
  }

  /** The float64 nearest to the sum; NaN if it is out of range. */
  double value(int sum) {
    if (outOfRange.get(sum)) {
      return Double.NaN;
    }
    ByteBuffer bytes = ByteBuffer.allocate(WORDS * Long.BYTES);
    for (int i = WORDS - 1; i >= 0; i--) {
      bytes.putLong(words[sum * WORDS + i]);
    }
    return Math.scalb(new BigInteger(bytes.array()).doubleValue(), -FRACTION_BITS);
  }

  void writeTo(ByteBuffer out, int sum) {
    out.put((byte) (outOfRange.get(sum) ? 1 : 0));
    for (int i = 0; i < WORDS; i++) {
      out.putLong(words[sum * WORDS + i]);
    }
  }

  void readFrom(ByteBuffer in, int sum) {
    outOfRange.set(sum, in.get() != 0);
    for (int i = 0; i < WORDS; i++) {
      words[sum * WORDS + i] = in.getLong();
    }
  }

  private static long roundHalfUp(long mantissa, int bits) {
    return (mantissa + (1L << (bits - 1))) >>> bits;
  }
}
