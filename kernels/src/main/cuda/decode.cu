// SPDX-License-Identifier: Apache-2.0
#include "dot32.h"
#include "token_moments.h"

/** How many columns a lane sums side by side, so that as many loads are under way. */
constexpr int kDecodedColumns = 4;

/**
 * What tokens' latents decode to, and how far that is from the tokens, to the bit as
 * io.saeflow.kernels.sae.SaeDecoder states it. For token t:
 *
 *   y[j] = +0;  for e = offsets[t] .. offsets[t + 1] - 1:
 *     y[j] = fma_rn(values[e], weights[latents[e], j], y[j])
 *   y[j] = add_rn(y[j], output_bias[j])
 *   y[j] = add_rn(mul_rn(y[j], deviation), mean)                     if layer_norm is not zero
 *   d[j] = add_rn(y[j], -x[j])
 *   errors[t] = ddiv_rn(dot32(d, d), dot32(x, x)), both widened
 *
 * activations     f32 [tokens, width]: x
 * offsets         i32 [tokens + 1], from 0, not descending
 * latents         i32 [nEntries]: each a row of weights
 * values          f32 [nEntries]
 * weights         f32 [n, width]
 * output_bias     f32 [width]
 * reconstruction  f32 [tokens, width]: y, or null; may be the memory of the activations
 * errors          f64 [tokens], or null; NaN where the quotient is infinite
 *
 * All dense matrices are row-major.
 *
 * Launch: a warp for each token, in blocks of whole warps, grid.x of them; no shared memory. Lanes
 * take the columns, so that a warp reads a stretch of a row of the weights, and lane l's columns
 * are those of chain l of the sums of squares, ascending. No load of the weights waits for another.
 */
KERNEL void decode_tokens(
    const float* activations,
    const int* __restrict__ offsets,
    const int* __restrict__ latents,
    const float* __restrict__ values,
    const float* __restrict__ weights,
    const float* __restrict__ output_bias,
    int layer_norm,
    int tokens,
    int width,
    float* reconstruction,
    double* __restrict__ errors) {
  size_t token = static_cast<size_t>(blockIdx.x) * (blockDim.x / kLanes) + warp_id();
  if (token >= static_cast<size_t>(tokens)) {
    return;
  }
  const float* x = activations + token * width;
  TokenMoments moments = {0.0f, 1.0f};
  if (layer_norm) {
    moments = token_moments(x, width);
    // Every lane has read all of the token, which others overwrite now.
    syncwarp();
  }
  int from = offsets[token];
  int to = offsets[token + 1];
  float error = 0.0f;
  float size = 0.0f;
  for (int first = lane_id(); first < width; first += kDecodedColumns * kLanes) {
    float decoded[kDecodedColumns];
    int columns[kDecodedColumns];
#pragma unroll
    for (int c = 0; c < kDecodedColumns; c++) {
      decoded[c] = 0.0f;
      // Past the end the last column is summed in vain: a branch would hold up the other loads.
      columns[c] = min(first + c * kLanes, width - 1);
    }
    for (int e = from; e < to; e++) {
      const float* row = weights + static_cast<size_t>(latents[e]) * width;
      float value = values[e];
#pragma unroll
      for (int c = 0; c < kDecodedColumns; c++) {
        decoded[c] = fma_rn(value, row[columns[c]], decoded[c]);
      }
    }
#pragma unroll
    for (int c = 0; c < kDecodedColumns; c++) {
      int j = first + c * kLanes;
      if (j < width) {
        float y = add_rn(decoded[c], output_bias[j]);
        if (layer_norm) {
          y = add_rn(mul_rn(y, moments.deviation), moments.mean);
        }
        float expected = x[j];
        float difference = add_rn(y, -expected);
        error = fma_rn(difference, difference, error);
        size = fma_rn(expected, expected, size);
        if (reconstruction != nullptr) {
          reconstruction[token * width + j] = y;
        }
      }
    }
  }
  error = sum_of_lanes(error);
  size = sum_of_lanes(size);
  if (lane_id() == 0 && errors != nullptr) {
    double normalized = ddiv_rn(static_cast<double>(error), static_cast<double>(size));
    bool finite = normalized < static_cast<double>(infinity());
    errors[token] = finite ? normalized : static_cast<double>(not_a_number());
  }
}
REGISTER_KERNEL(decode_tokens);
