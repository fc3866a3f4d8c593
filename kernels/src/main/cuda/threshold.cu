// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"
#include "kth_largest.h"

/*
 * Raises a token's threshold to the k-th largest of its group maxima. These are lower bounds of k
 * different latents, so no latent whose upper bound is lower is one of the k largest.
 *
 * maxima    f32 [padded_tokens, groups], from group_max
 * groups    at least k, or there is no such threshold
 * tokens    TokenBound [padded_tokens]: thresholds are raised, never lowered; NaN stays
 *
 * Launch: a block a token, grid (padded_tokens), whole warps; 4 groups bytes of dynamic shared memory.
 */
KERNEL void __launch_bounds__(128) group_threshold(
    const float* __restrict__ maxima, int groups, int k, TokenBound* __restrict__ tokens) {
  DYN_SMEM(uint32_t, keys);
  const float* row = maxima + static_cast<size_t>(blockIdx.x) * groups;
  for (int i = static_cast<int>(threadIdx.x); i < groups; i += static_cast<int>(blockDim.x)) {
    keys[i] = f_key(row[i]);
  }
  __syncthreads();
  uint32_t key = kth_largest(keys, groups, k);
  if (threadIdx.x == 0) {
    float threshold = tokens[blockIdx.x].threshold;
    float raised = key_f(key);
    if (raised > threshold) {
      tokens[blockIdx.x].threshold = raised;
    }
  }
}
REGISTER_KERNEL(group_threshold);
