// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

/** The 16-bit floating point formats: IEEE 754 binary16 ("float16") and bfloat16, as raw bits. */
public final class Half {
  private static final int INFINITY = 0x7c00;

  private Half() {}

  /** The float32 equal to float16 {@code bits}; exact. NaN stays NaN. */
  public static float toFloat(short bits) {
    int sign = (bits & 0x8000) << 16;
    int magnitude = bits & 0x7fff;
    if (magnitude >= INFINITY) {
      return Float.intBitsToFloat(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    }
    if (magnitude < 0x400) { // zero or subnormal: so many units of 2^-24
      float value = magnitude * 0x1p-24f;
      return sign == 0 ? value : -value;
    }
    return Float.intBitsToFloat(sign | ((magnitude << 13) + 0x38000000));
  }

  /**
   * The float16 nearest to {@code value}, ties to even; from 65520 on it is infinite, and NaN stays
   * NaN.
   */
  public static short fromFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 16 & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      return (short) (sign | 0x7e00 | (magnitude >>> 13 & 0x1ff));
    }
    if (magnitude >= 0x477ff000) { // 65520, midway between the largest float16 and the next step
      return (short) (sign | INFINITY);
    }
    if (magnitude < 0x38800000) { // below 2^-14; the product is exact, and 1024 is 2^-14 itself
      return (short) (sign | (int) Math.rint(Float.intBitsToFloat(magnitude) * 0x1p24f));
    }
    int rounded = magnitude + 0xfff + (magnitude >>> 13 & 1);
    return (short) (sign | (rounded - 0x38000000) >>> 13);
  }

  /** The float32 equal to bfloat16 {@code bits}; exact. */
  static float bfloat16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
