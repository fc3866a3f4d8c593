// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hw.h"

/**
 * The dot product whose bits every encoder agrees on (io.saeflow.kernels.sae.Dot32), by one warp:
 *
 *   s[l] = +0;  for j = l, l + 32, l + 64, ... < width:  s[l] = fma_rn(x[j], w[j], s[l])
 *   for o = 16, 8, 4, 2, 1:  s[l] = add_rn(s[l], s[l + o])                       l = 0..o-1
 *
 * Chain l is lane l's. The lanes exchange l ^ o rather than l + o: those that count have the same
 * partner, and addition commutes. Every lane returns s[0].
 */
DEV float dot32(const float* __restrict__ x, const float* __restrict__ w, int width) {
  float sum = 0.0f;
  for (int j = lane_id(); j < width; j += kLanes) {
    sum = fma_rn(x[j], w[j], sum);
  }
  for (int o = kLanes / 2; o >= 1; o /= 2) {
    sum = add_rn(sum, shfl_xor(sum, o));
  }
  return sum;
}

/** The canonical pre-activation of a dot product; the last addition turns -0 into +0. */
DEV float pre_activation(float dot, float bias) { return add_rn(add_rn(dot, bias), 0.0f); }
