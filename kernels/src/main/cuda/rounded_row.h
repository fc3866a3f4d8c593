// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hw.h"

/** Upper bounds of Euclidean norms of a row v, of its rounding r, and of v - r. */
struct RowNorms {
  float row;
  float kept;
  float lost;
};

DEV float warp_max(float value) {
  for (int o = kLanes / 2; o >= 1; o /= 2) {
    value = fmaxf(value, shfl_xor(value, o));
  }
  return value;
}

DEV float warp_sum_ru(float value) {
  for (int o = kLanes / 2; o >= 1; o /= 2) {
    value = add_ru(value, shfl_xor(value, o));
  }
  return value;
}

/** The power of two 2^exponent, -126 <= exponent <= 127. */
DEV float power_of_two(int exponent) { return bits_float(static_cast<uint32_t>(exponent + 127) << 23); }

/**
 * The exponent s, -113 <= s <= 126, for which 2^14 <= magnitude * 2^s < 2^15, or 126 where the
 * magnitude is below 2^-112: binary16 holds such values with all of its 11 bits, and the square of
 * one, summed 2^20 times, is far from overflow.
 */
DEV int row_exponent(float magnitude) {
  int exponent = static_cast<int>(float_bits(magnitude) >> 23) - 127;
  return exponent < -112 ? 126 : 14 - exponent;
}

/**
 * Rounds a row of finite values to binary16, by one warp:  halves[j] = f16(row[j] * 2^s), zeros
 * from width to columns, with s of row_exponent.
 *
 * halves[j] * 2^-s is a float32 number, and so is what it differs from row[j] by: both are
 * multiples of 2^-149, and the difference has no more bits than row[j]. The norms are of the scaled
 * values, so that squares neither overflow nor underflow, and every operation rounds up.
 *
 * @param scale receives 2^-s
 */
DEV RowNorms round_row(
    const float* row, int width, int columns, float magnitude, f16* __restrict__ halves, float* scale) {
  int exponent = row_exponent(magnitude);
  float up = power_of_two(exponent);
  float down = power_of_two(-exponent);
  float row_squares = 0.0f;
  float kept_squares = 0.0f;
  float lost_squares = 0.0f;
  for (int j = lane_id(); j < columns; j += kLanes) {
    float value = j < width ? row[j] : 0.0f;
    f16 half = f2h(mul_rn(value, up));
    halves[j] = half;
    float kept = h2f(half);
    float lost = mul_ru(fabsf(add_rn(value, -mul_rn(kept, down))), up);
    float scaled = mul_ru(fabsf(value), up);
    row_squares = fma_ru(scaled, scaled, row_squares);
    kept_squares = fma_ru(kept, kept, kept_squares);
    lost_squares = fma_ru(lost, lost, lost_squares);
  }
  *scale = down;
  RowNorms norms;
  norms.row = mul_ru(sqrt_ru(warp_sum_ru(row_squares)), down);
  norms.kept = mul_ru(sqrt_ru(warp_sum_ru(kept_squares)), down);
  norms.lost = mul_ru(sqrt_ru(warp_sum_ru(lost_squares)), down);
  return norms;
}
