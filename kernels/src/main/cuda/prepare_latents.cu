// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"
#include "rounded_row.h"

/*
 * Rounds the weights of latents for the tensor cores and describes them for the bounds of
 * encoder.h; once for a set of weights.
 *
 * weights           f32 [latents, width], row-major, finite
 * bias              f32 [latents], finite
 * thresholds        f32 [latents], of JumpReLU, finite; null for none
 * product_error     c of encoder.h
 * row_error         g of encoder.h, rounded up
 * underflow         (width + 64) 2^-149
 * halves            f16 [padded_latents, columns]: rounded rows; zeros past the width and past the
 *                   last latent
 * bounds            LatentBound [padded_latents]
 * minus_lower       f32 [padded_latents]: rest - b; infinity past the last latent and for latents
 *                   past kSafeMagnitude
 *
 * columns is a multiple of 64 and no less than width, padded_latents one of 128 and no less than
 * latents.
 *
 * Launch: a warp for each padded latent, in blocks of whole warps; no shared memory.
 */
KERNEL void prepare_latents(
    const float* __restrict__ weights,
    const float* __restrict__ bias,
    const float* __restrict__ thresholds,
    int latents,
    int padded_latents,
    int width,
    int columns,
    float product_error,
    float row_error,
    float underflow,
    f16* __restrict__ halves,
    LatentBound* __restrict__ bounds,
    float* __restrict__ minus_lower) {
  int latent = static_cast<int>(blockIdx.x * (blockDim.x / kLanes)) + warp_id();
  if (latent >= padded_latents) {
    return;
  }
  bool exists = latent < latents;
  const float* row = weights + static_cast<size_t>(exists ? latent : 0) * width;
  float magnitude = 0.0f;
  for (int j = lane_id(); j < width; j += kLanes) {
    magnitude = fmaxf(magnitude, fabsf(row[j]));
  }
  magnitude = exists ? warp_max(magnitude) : 0.0f;
  LatentBound bound;
  RowNorms norms = round_row(
      row,
      exists ? width : 0,
      columns,
      magnitude,
      halves + static_cast<size_t>(latent) * columns,
      &bound.scale);
  bound.per_kept = 0.0f;
  bound.per_lost = 0.0f;
  bound.upper = exists ? infinity() : -infinity();
  float lower = infinity();
  float b = exists ? bias[latent] : 0.0f;
  if (exists && norms.row <= kSafeMagnitude && fabsf(b) <= kSafeMagnitude) {
    float rest = fma_ru(row_error, fabsf(b), fma_ru(bound.scale, min_positive(), underflow));
    float threshold = thresholds == nullptr ? 0.0f : fmaxf(thresholds[latent], 0.0f);
    bound.per_kept = fma_ru(product_error, norms.kept, norms.lost);
    bound.per_lost = norms.row;
    bound.upper = add_ru(add_ru(b, rest), -threshold);
    lower = add_ru(rest, -b);
  }
  if (lane_id() == 0) {
    bounds[latent] = bound;
    minus_lower[latent] = lower;
  }
}
REGISTER_KERNEL(prepare_latents);
