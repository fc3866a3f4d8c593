// SPDX-License-Identifier: Apache-2.0
#include "hw.h"

/*
 * Statistics of each latent over a batch's entries, added to those of the batches before, in an
 * order that io.saeflow.kernels.aggregate.LatentStatistics follows to the bit.
 *
 * keys       i32 [count]: latents, sorted
 * entries    i32 [count]: for each key, which of the values is its
 * values     f32 [count], finite
 * starts     i32 [latents + 1]: latent f's keys are [starts[f], starts[f + 1])
 * sums       f64 [latents, 4]: of v, v^2, v^3, v^4
 * active     i64 [latents]: how many values are above zero
 * largest    f32 [latents]: of the values above zero; 0 at first
 * histogram  i32 [latents, bins]: how many of the values above zero are in (0.2 b, 0.2 (b + 1)], as
 *            ceil(v / 0.2f) - 1 in float32 says; the last bin holds all beyond
 *
 * Launch: latent_starts a thread for each of latents + 1; latent_statistics a warp for each latent;
 * in blocks of whole warps, no shared memory.
 */
KERNEL void latent_starts(
    const int* __restrict__ keys, int count, int latents, int* __restrict__ starts) {
  int latent = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (latent > latents) {
    return;
  }
  int from = 0;
  int to = count;
  while (from < to) {
    int middle = from + (to - from) / 2;
    if (keys[middle] < latent) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  starts[latent] = from;
}
REGISTER_KERNEL(latent_starts);

/**
 * Lane l takes the latent's entries l, l + 32, l + 64, ...; then lanes add those whose number
 * differs in bit 16, 8, 4, 2, 1; then the sum of the batches before is added. Powers are products
 * rounded one by one: v^2 = v v, v^3 = v^2 v, v^4 = v^2 v^2.
 */
KERNEL void latent_statistics(
    const int* __restrict__ starts,
    const int* __restrict__ entries,
    const float* __restrict__ values,
    int latents,
    int bins,
    double* __restrict__ sums,
    unsigned long long* __restrict__ active,
    float* __restrict__ largest,
    int* __restrict__ histogram) {
  int latent = static_cast<int>(blockIdx.x * (blockDim.x / kLanes)) + warp_id();
  if (latent >= latents) {
    return;
  }
  int first = starts[latent];
  int end = starts[latent + 1];
  if (first == end) {
    return;
  }
  double power[4] = {0.0, 0.0, 0.0, 0.0};
  int positive = 0;
  float most = 0.0f;
  int* latent_histogram = histogram + static_cast<size_t>(latent) * bins;
  for (int i = first + lane_id(); i < end; i += kLanes) {
    float value = values[entries[i]];
    double v = static_cast<double>(value);
    double square = dmul_rn(v, v);
    power[0] = dadd_rn(power[0], v);
    power[1] = dadd_rn(power[1], square);
    power[2] = dadd_rn(power[2], dmul_rn(square, v));
    power[3] = dadd_rn(power[3], dmul_rn(square, square));
    if (value > 0.0f) {
      positive++;
      most = fmaxf(most, value);
      float bin = ceilf(div_rn(value, 0.2f));
      int at = bin < static_cast<float>(bins) ? static_cast<int>(bin) - 1 : bins - 1;
      atomicAdd(&latent_histogram[at], 1);
    }
  }
  for (int o = kLanes / 2; o >= 1; o /= 2) {
    for (int p = 0; p < 4; p++) {
      power[p] = dadd_rn(power[p], shfl_xor(power[p], o));
    }
    positive += shfl_xor(positive, o);
    most = fmaxf(most, shfl_xor(most, o));
  }
  if (lane_id() == 0) {
    double* latent_sums = sums + static_cast<size_t>(latent) * 4;
    for (int p = 0; p < 4; p++) {
      latent_sums[p] = dadd_rn(latent_sums[p], power[p]);
    }
    active[latent] += static_cast<unsigned long long>(positive);
    largest[latent] = fmaxf(largest[latent], most);
  }
}
REGISTER_KERNEL(latent_statistics);
