// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"
#include "rounded_row.h"
#include "token_moments.h"

/*
 * Turns tokens' activations into the rows that meet the weights: canonical rows in float32, to the
 * bit what io.saeflow.kernels.sae.InputRows makes, and rounded rows for the tensor cores with what
 * the bounds of score.cu need.
 *
 * activations  [tokens, width], row-major, float32, binary16 or bfloat16; the latter two are
 *              widened, which is exact
 * input_bias   f32 [width]
 * layer_norm   not zero: rows are normalised first
 * row_error    g of the canonical dot product, see encoder.h
 * rows         f32 [padded_tokens, width]: canonical rows; those of non-finite tokens mean nothing
 * halves       f16 [padded_tokens, columns]: rounded rows; zeros past the width, for non-finite
 *              tokens, and past the last token
 * bounds       TokenBound [padded_tokens]; the threshold is the smallest positive float for kScored
 *              tokens, as what is not above zero is never active, else NaN, which nothing reaches
 * roads        i32 [padded_tokens]: Road
 *
 * columns is a multiple of 64 and no less than width, padded_tokens one of 128 and no less than
 * tokens.
 *
 * Launch: a warp for each padded token, in blocks of whole warps; no shared memory.
 */

DEV bool is_finite(float value) { return fabsf(value) < infinity(); }

template <class Value>
DEV void prepare_token(
    const Value* __restrict__ activations,
    const float* __restrict__ input_bias,
    int layer_norm,
    int tokens,
    int padded_tokens,
    int width,
    int columns,
    float row_error,
    float* __restrict__ rows,
    f16* __restrict__ halves,
    TokenBound* __restrict__ bounds,
    int* __restrict__ roads) {
  int token = static_cast<int>(blockIdx.x * (blockDim.x / kLanes)) + warp_id();
  if (token >= padded_tokens) {
    return;
  }
  float* row = rows + static_cast<size_t>(token) * width;
  bool lane_finite = true;
  float magnitude = 0.0f;
  if (token < tokens) {
    const Value* activation = activations + static_cast<size_t>(token) * width;
    float mean = 0.0f;
    float scale = 1.0f;
    if (layer_norm) {
      TokenMoments moments = token_moments(activation, width);
      mean = moments.mean;
      scale = add_rn(moments.deviation, 1e-5f);
      lane_finite = is_finite(scale);
    }
    for (int j = lane_id(); j < width; j += kLanes) {
      float value = widened(activation, j);
      lane_finite = lane_finite && is_finite(value);
      if (layer_norm) {
        value = div_rn(add_rn(value, -mean), scale);
      }
      value = add_rn(value, -input_bias[j]);
      lane_finite = lane_finite && is_finite(value);
      row[j] = value;
      magnitude = fmaxf(magnitude, fabsf(value));
    }
  }
  bool finite = ballot(lane_finite ? 0 : 1) == 0;
  bool rounded = finite && token < tokens;
  magnitude = rounded ? warp_max(magnitude) : 0.0f;
  // Each lane reads what it wrote itself.
  TokenBound bound;
  RowNorms norms =
      round_row(
          row,
          rounded ? width : 0,
          columns,
          magnitude,
          halves + static_cast<size_t>(token) * columns,
          &bound.scale);
  bool scored = rounded && norms.row <= kSafeMagnitude;
  bound.kept = norms.kept;
  bound.lost = fma_ru(row_error, norms.row, norms.lost);
  bound.threshold = scored ? min_positive() : not_a_number();
  if (lane_id() == 0) {
    bounds[token] = bound;
    roads[token] = !finite ? kNonFinite : scored ? kScored : kExact;
  }
}

#define PREPARE_ROWS(name, Value)                                                                \
  KERNEL void name(                                                                               \
      const Value* __restrict__ activations,                                                     \
      const float* __restrict__ input_bias,                                                      \
      int layer_norm,                                                                            \
      int tokens,                                                                                \
      int padded_tokens,                                                                         \
      int width,                                                                                 \
      int columns,                                                                               \
      float row_error,                                                                           \
      float* __restrict__ rows,                                                                  \
      f16* __restrict__ halves,                                                                  \
      TokenBound* __restrict__ bounds,                                                           \
      int* __restrict__ roads) {                                                                 \
    prepare_token(                                                                               \
        activations, input_bias, layer_norm, tokens, padded_tokens, width, columns, row_error,   \
        rows, halves, bounds, roads);                                                            \
  }                                                                                              \
  REGISTER_KERNEL(name)

PREPARE_ROWS(prepare_rows_f32, float);
PREPARE_ROWS(prepare_rows_f16, f16);
PREPARE_ROWS(prepare_rows_bf16, Bf16);
