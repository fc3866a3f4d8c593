// SPDX-License-Identifier: Apache-2.0
#include "dot32.h"
#include "encoder.h"
#include "kth_largest.h"

/*
 * Decides which candidates of a token are its active latents, by canonical dot products, and orders
 * them by latent. With k > 0: the k largest pre-activations, the lower latent first among equals,
 * and of these the positive ones. With k = 0: those above zero and above their latent's threshold.
 *
 * Candidates are first held against the k-th largest of their own lower bounds, which few that are
 * not among the k largest pass.
 *
 * rows              f32 [tokens, width]: canonical rows, of prepare_rows
 * weights           f32 [latents, width]
 * bias              f32 [latents]
 * thresholds        f32 [latents] or null; of k = 0
 * token_bounds      TokenBound [tokens]
 * latent_bounds     LatentBound [latents]
 * minus_lower       f32 [latents]
 * candidates        Candidate [tokens, capacity]: in, as nominate leaves them; out, the active
 *                   latents and their pre-activations, ascending by latent
 * counts            i32 [tokens]: in, how many latents were nominated; out, how many are active, 0
 *                   unless the road is kScored
 * roads             i32 [tokens]: kScored becomes kExact where there were more candidates than there
 *                   is room for, and kNonFinite where a pre-activation is NaN or infinite
 * rescored          i32 [1]: raised by the number of dot products
 *
 * Launch: a block a token, grid (tokens), whole warps; 12 capacity bytes of dynamic shared memory.
 */
KERNEL void __launch_bounds__(128) select_active(
    const float* __restrict__ rows,
    const float* __restrict__ weights,
    const float* __restrict__ bias,
    const float* __restrict__ thresholds,
    int width,
    const TokenBound* __restrict__ token_bounds,
    const LatentBound* __restrict__ latent_bounds,
    const float* __restrict__ minus_lower,
    int k,
    int capacity,
    Candidate* __restrict__ candidates,
    int* __restrict__ counts,
    int* __restrict__ roads,
    int* __restrict__ rescored) {
  DYN_SMEM(uint32_t, shared);
  __shared__ int survivor_count;
  __shared__ int infinite_count;
  __shared__ int active_count;
  int thread = static_cast<int>(threadIdx.x);
  int threads = static_cast<int>(blockDim.x);
  int token = static_cast<int>(blockIdx.x);
  int count = counts[token];
  int road = roads[token];
  if (thread == 0) {
    survivor_count = 0;
    infinite_count = 0;
    active_count = 0;
  }
  // All have read before one writes.
  __syncthreads();
  if (road != kScored || count > capacity) {
    if (thread == 0) {
      counts[token] = 0;
      roads[token] = road == kScored ? kExact : road;
    }
    return;
  }

  uint32_t* lowers = shared;
  uint32_t* uppers = shared + capacity;
  uint32_t* nominated = shared + 2 * capacity;
  Candidate* row = candidates + static_cast<size_t>(token) * capacity;
  TokenBound bound = token_bounds[token];
  for (int c = thread; c < count; c += threads) {
    Candidate candidate = row[c];
    LatentBound latent = latent_bounds[candidate.latent];
    float score = bits_float(candidate.value);
    nominated[c] = candidate.latent;
    uppers[c] = f_key(upper_bound(score, bound, latent));
    lowers[c] = f_key(lower_bound(score, bound, latent, minus_lower[candidate.latent]));
  }
  __syncthreads();
  uint32_t least = 0;
  if (k > 0 && count > k) {
    least = kth_largest(lowers, count, k);
    __syncthreads();
  }
  uint32_t* survivors = lowers;
  for (int c = thread; c < count; c += threads) {
    if (uppers[c] >= least) {
      survivors[atomicAdd(&survivor_count, 1)] = nominated[c];
    }
  }
  __syncthreads();

  int survived = survivor_count;
  float* values = reinterpret_cast<float*>(uppers);
  for (int c = warp_id(); c < survived; c += threads / kLanes) {
    uint32_t latent = survivors[c];
    const float* x = rows + static_cast<size_t>(token) * width;
    float dot = dot32(x, weights + static_cast<size_t>(latent) * width, width);
    float value = pre_activation(dot, bias[latent]);
    if (lane_id() == 0) {
      values[c] = value;
      if (!(fabsf(value) < infinity())) {
        atomicAdd(&infinite_count, 1);
      }
    }
  }
  __syncthreads();
  if (infinite_count > 0) {
    if (thread == 0) {
      counts[token] = 0;
      roads[token] = kNonFinite;
    }
    return;
  }

  uint32_t* active = nominated;
  for (int c = thread; c < survived; c += threads) {
    float value = values[c];
    uint32_t latent = survivors[c];
    bool keep = value > 0.0f;
    if (keep && k > 0) {
      int rank = 0;
      for (int other = 0; other < survived; other++) {
        float rival = values[other];
        rank += rival > value || (rival == value && survivors[other] < latent);
      }
      keep = rank < k;
    } else if (keep && thresholds != nullptr) {
      keep = value > thresholds[latent];
    }
    active[c] = keep;
    if (keep) {
      atomicAdd(&active_count, 1);
    }
  }
  __syncthreads();
  for (int c = thread; c < survived; c += threads) {
    if (active[c]) {
      uint32_t latent = survivors[c];
      int place = 0;
      for (int other = 0; other < survived; other++) {
        place += active[other] && survivors[other] < latent;
      }
      row[place].latent = latent;
      row[place].value = float_bits(values[c]);
    }
  }
  if (thread == 0) {
    counts[token] = active_count;
    atomicAdd(rescored, survived);
  }
}
REGISTER_KERNEL(select_active);
