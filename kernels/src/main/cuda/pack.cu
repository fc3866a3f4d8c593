// SPDX-License-Identifier: Apache-2.0
#include "block_scan.h"
#include "encoder.h"

/*
 * Brings tokens' active latents together, in compressed sparse rows.
 *
 * counts    i32 [tokens]
 * offsets   i32 [tokens + 1]: sums of the counts before each token, then of all
 *
 * Launch: one block of 256 threads; no dynamic shared memory.
 */
KERNEL void __launch_bounds__(kScanThreads) token_offsets(
    const int* __restrict__ counts, int tokens, int* __restrict__ offsets) {
  __shared__ int sums[kScanThreads];
  int before = 0;
  for (int base = 0; base < tokens; base += kScanThreads) {
    int token = base + static_cast<int>(threadIdx.x);
    int count = token < tokens ? counts[token] : 0;
    int through = block_scan(count, sums);
    if (token < tokens) {
      offsets[token] = before + through - count;
    }
    before += sums[kScanThreads - 1];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    offsets[tokens] = before;
  }
}
REGISTER_KERNEL(token_offsets);

/*
 * active    Candidate [tokens, capacity], from select_active
 * offsets   i32 [tokens + 1]
 * latents   i32 [offsets[tokens]]
 * values    f32 [offsets[tokens]]
 *
 * Launch: a warp for each token, in blocks of whole warps; no shared memory.
 */
KERNEL void pack_latents(
    const Candidate* __restrict__ active,
    const int* __restrict__ offsets,
    int tokens,
    int capacity,
    int* __restrict__ latents,
    float* __restrict__ values) {
  int token = static_cast<int>(blockIdx.x * (blockDim.x / kLanes)) + warp_id();
  if (token >= tokens) {
    return;
  }
  int first = offsets[token];
  int count = offsets[token + 1] - first;
  const Candidate* row = active + static_cast<size_t>(token) * capacity;
  for (int i = lane_id(); i < count; i += kLanes) {
    latents[first + i] = static_cast<int>(row[i].latent);
    values[first + i] = bits_float(row[i].value);
  }
}
REGISTER_KERNEL(pack_latents);
