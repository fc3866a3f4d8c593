// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

/**
 * The dot product whose bits every encoder agrees on, in an order of additions that a vector unit
 * and a warp of 32 lanes both follow naturally.
 *
 * <pre>
 * s[l] = +0;  for j = l, l + 32, l + 64, ... &lt; d:  s[l] = fma(x[j], w[j], s[l])      l = 0..31
 * for o = 16, 8, 4, 2, 1:  s[l] = s[l] + s[l + o]                                     l = 0..o-1
 * </pre>
 *
 * <p>All in float32, rounded to nearest, ties to even, with subnormals. One object a thread.
 */
public final class Dot32 {
  /** How many sums are made side by side. */
  public static final int CHAINS = 32;

  private final float[] sums = new float[CHAINS];

  /**
   * The dot product of {@code length} values of x from {@code xFrom} and of w from {@code wFrom}.
   */
  public float dot(float[] x, int xFrom, float[] w, int wFrom, int length) {
    int whole = length - length % CHAINS;
    addHalf(0, x, xFrom, w, wFrom, whole);
    addHalf(CHAINS / 2, x, xFrom, w, wFrom, whole);
    float[] s = sums;
    for (int j = whole; j < length; j++) {
      s[j - whole] = Math.fma(x[xFrom + j], w[wFrom + j], s[j - whole]);
    }
    for (int o = CHAINS / 2; o >= 1; o /= 2) {
      for (int l = 0; l < o; l++) {
        s[l] += s[l + o];
      }
    }
    return s[0];
  }

  /**
   * Chains {@code first} to {@code first + 15}, in local variables: the compiler keeps these in
   * registers, and an array of sums in memory.
   */
  private void addHalf(int first, float[] x, int xFrom, float[] w, int wFrom, int whole) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    float s4 = 0;
    float s5 = 0;
    float s6 = 0;
    float s7 = 0;
    float s8 = 0;
    float s9 = 0;
    float s10 = 0;
    float s11 = 0;
    float s12 = 0;
    float s13 = 0;
    float s14 = 0;
    float s15 = 0;
    for (int j = first; j < whole; j += CHAINS) {
      int p = xFrom + j;
      int q = wFrom + j;
      s0 = Math.fma(x[p], w[q], s0);
      s1 = Math.fma(x[p + 1], w[q + 1], s1);
      s2 = Math.fma(x[p + 2], w[q + 2], s2);
      s3 = Math.fma(x[p + 3], w[q + 3], s3);
      s4 = Math.fma(x[p + 4], w[q + 4], s4);
      s5 = Math.fma(x[p + 5], w[q + 5], s5);
      s6 = Math.fma(x[p + 6], w[q + 6], s6);
      s7 = Math.fma(x[p + 7], w[q + 7], s7);
      s8 = Math.fma(x[p + 8], w[q + 8], s8);
      s9 = Math.fma(x[p + 9], w[q + 9], s9);
      s10 = Math.fma(x[p + 10], w[q + 10], s10);
      s11 = Math.fma(x[p + 11], w[q + 11], s11);
      s12 = Math.fma(x[p + 12], w[q + 12], s12);
      s13 = Math.fma(x[p + 13], w[q + 13], s13);
      s14 = Math.fma(x[p + 14], w[q + 14], s14);
      s15 = Math.fma(x[p + 15], w[q + 15], s15);
    }
    float[] s = sums;
    s[first] = s0;
    s[first + 1] = s1;
    s[first + 2] = s2;
    s[first + 3] = s3;
    s[first + 4] = s4;
    s[first + 5] = s5;
    s[first + 6] = s6;
    s[first + 7] = s7;
    s[first + 8] = s8;
    s[first + 9] = s9;
    s[first + 10] = s10;
    s[first + 11] = s11;
    s[first + 12] = s12;
    s[first + 13] = s13;
    s[first + 14] = s14;
    s[first + 15] = s15;
  }
}
