// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hw.h"

/**
 * The sum of what the lanes of a warp have, in the order of the canonical dot product:
 *
 *   for o = 16, 8, 4, 2, 1:  s[l] = add_rn(s[l], s[l + o])                       l = 0..o-1
 *
 * The lanes exchange l ^ o rather than l + o: those that count have the same partner, and addition
 * commutes. Every lane returns s[0].
 */
DEV float sum_of_lanes(float sum) {
  for (int o = kLanes / 2; o >= 1; o /= 2) {
    sum = add_rn(sum, shfl_xor(sum, o));
  }
  return sum;
}

/**
 * The dot product whose bits every encoder agrees on (io.saeflow.kernels.sparse.Dot32), by one warp:
 *
 *   s[l] = +0;  for j = l, l + 32, l + 64, ... < width:  s[l] = fma_rn(x[j], w[j], s[l])
 *
 * and the sum of these. Chain l is lane l's; every lane returns the sum.
 */
DEV float dot32(const float* __restrict__ x, const float* __restrict__ w, int width) {
  float sum = 0.0f;
  for (int j = lane_id(); j < width; j += kLanes) {
    sum = fma_rn(x[j], w[j], sum);
  }
  return sum_of_lanes(sum);
}

/** The canonical pre-activation of a dot product; the last addition turns -0 into +0. */
DEV float pre_activation(float dot, float bias) { return add_rn(add_rn(dot, bias), 0.0f); }
