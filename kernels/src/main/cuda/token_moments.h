// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hw.h"

/** Values of activations, widened, which is exact. */
DEV float widened(const float* values, size_t at) { return values[at]; }

DEV float widened(const f16* values, size_t at) { return h2f(values[at]); }

struct Bf16 {
  uint16_t bits;
};

DEV float widened(const Bf16* values, size_t at) {
  return bits_float(static_cast<uint32_t>(values[at].bits) << 16);
}

/** By which a token is normalised. */
struct TokenMoments {
  float mean;
  /** Without epsilon. */
  float deviation;
};

/**
 * The mean and deviation of a token's activation, to the bit those of
 * io.saeflow.kernels.sae.InputRows.
 *
 * The sums go in one order over the row, so that every lane computes all of them: it reads what the
 * others read, and as many warps as a device holds hide the latency.
 */
template <class Value>
DEV TokenMoments token_moments(const Value* row, int width) {
  double sum = 0.0;
  for (int j = 0; j < width; j++) {
    sum = dadd_rn(sum, static_cast<double>(widened(row, j)));
  }
  TokenMoments moments;
  moments.mean = static_cast<float>(ddiv_rn(sum, static_cast<double>(width)));
  double centered_sum = 0.0;
  for (int j = 0; j < width; j++) {
    float centered = add_rn(widened(row, j), -moments.mean);
    centered_sum = dadd_rn(centered_sum, static_cast<double>(centered));
  }
  double centered_mean = ddiv_rn(centered_sum, static_cast<double>(width));
  double squares = 0.0;
  for (int j = 0; j < width; j++) {
    float centered = add_rn(widened(row, j), -moments.mean);
    double deviation = dadd_rn(static_cast<double>(centered), -centered_mean);
    squares = dadd_rn(squares, dmul_rn(deviation, deviation));
  }
  double variance = ddiv_rn(squares, static_cast<double>(width - 1));
  moments.deviation = static_cast<float>(dsqrt_rn(variance));
  return moments;
}
