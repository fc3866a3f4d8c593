// SPDX-License-Identifier: Apache-2.0
#include "dot32.h"

/**
 * Canonical pre-activations of some tokens and a run of latents, all of them: what the other
 * kernels must agree with, and what tokens fall back to.
 *
 *   out[t, f - first] = pre(rows[t], f)      t = 0..tokens-1,  f = first..end-1
 *
 * x        f32 [T, width], row-major: prepared rows
 * weights  f32 [n, width], row-major: row f belongs to latent f
 * bias     f32 [n]
 * rows     i32 [tokens]: which rows of x; null for the rows 0..tokens-1
 * out      f32 [tokens, end - first], row-major
 *
 * Launch: a warp for each (t, f), in blocks of whole warps, grid.x of them; no shared memory.
 * A warp beyond the last pair returns as a whole.
 */
KERNEL void dense_canon(
    const float* __restrict__ x,
    const float* __restrict__ weights,
    const float* __restrict__ bias,
    const int* __restrict__ rows,
    int tokens,
    int width,
    int first,
    int end,
    float* __restrict__ out) {
  int latents = end - first;
  size_t pair = static_cast<size_t>(blockIdx.x) * (blockDim.x / kLanes) + warp_id();
  if (pair >= static_cast<size_t>(tokens) * latents) {
    return;
  }
  int t = static_cast<int>(pair / latents);
  int f = first + static_cast<int>(pair % latents);
  int row = rows == nullptr ? t : rows[t];
  const float* token = x + static_cast<size_t>(row) * width;
  float dot = dot32(token, weights + static_cast<size_t>(f) * width, width);
  if (lane_id() == 0) {
    out[pair] = pre_activation(dot, bias[f]);
  }
}
REGISTER_KERNEL(dense_canon);
