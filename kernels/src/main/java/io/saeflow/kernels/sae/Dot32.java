// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;

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
final class Dot32 {
  static final int CHAINS = 32;

  private final float[] sums = new float[CHAINS];

  /**
   * The dot product of {@code length} values of x from {@code xFrom} and of w from {@code wFrom}.
   */
  float dot(float[] x, int xFrom, float[] w, int wFrom, int length) {
    float[] s = sums;
    Arrays.fill(s, 0f);
    int whole = length - length % CHAINS;
    for (int j = 0; j < whole; j += CHAINS) {
      for (int l = 0; l < CHAINS; l++) {
        s[l] = Math.fma(x[xFrom + j + l], w[wFrom + j + l], s[l]);
      }
    }
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
}
