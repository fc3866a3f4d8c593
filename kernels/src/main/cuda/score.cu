// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"

/*
 * Scores latents on the tensor cores, a tile of 128 tokens by 128 latents a block, and never writes
 * the scores themselves. Two kernels with one product and different ends:
 *
 * group_max          the largest lower bound of every group of 16 latents, from which
 *                    group_threshold takes a threshold that k latents reach
 * nominate           latents whose upper bound reaches the token's threshold
 *
 * token_halves       f16 [padded_tokens, columns]      from prepare_rows
 * latent_halves      f16 [padded_latents, columns]     from prepare_latents
 * tokens             TokenBound [padded_tokens]
 * latents            LatentBound [padded_latents]
 * minus_lower        f32 [padded_latents]
 * maxima             f32 [padded_tokens, groups], groups = 8 gridDim.y: of the first 16 groups
 *                    latents; minus infinity for a group without latents
 * counts             i32 [padded_tokens]: zero before; how many latents reached the threshold, which
 *                    may be more than there is room for
 * candidates         Candidate [padded_tokens, capacity]: the first of them, in any order
 *
 * columns, padded_tokens and padded_latents are multiples of 32, 128 and 128. Rows start on 16-byte
 * boundaries.
 *
 * Launch: grid (padded_tokens / 128, latents / 128), 256 threads, 64 KiB of dynamic shared memory.
 * Neighbouring blocks share a tile of latents, which so is read from memory once for all tokens.
 *
 * A thread holds, of a warp's 32 tokens by 64 latents, 4 tokens by 16 latents: these 16 are a group.
 */

constexpr int kTileTokens = 128;
constexpr int kTileLatents = 128;
constexpr int kTileColumns = 32;
constexpr int kStages = 4;
constexpr int kScoreThreads = 256;
constexpr int kTileHalves = kTileTokens * kTileColumns;

/** Eight halves, 16 bytes, are copied and read at a time. */
constexpr int kChunkHalves = 8;
constexpr int kChunks = kTileColumns / kChunkHalves;

/** Of one thread: tokens 16 i + 8 h + lane / 4, latents 8 j + 2 (lane % 4) + c of its warp's. */
struct TileScores {
  float sums[2][8][4];  // [i][j][2 h + c]
};

/**
 * Where a chunk of a tile's row lies. Eight rows that are read at once meet all banks, as the place
 * of a chunk changes every second row.
 */
DEV f16* tile_chunk(f16* tile, int row, int chunk) {
  return tile + row * kTileColumns + (chunk ^ (row >> 1 & (kChunks - 1))) * kChunkHalves;
}

/** Starts copying a tile of 128 rows and kTileColumns columns. */
DEV void load_tile(f16* tile, const f16* __restrict__ rows, int columns, int first_column) {
#pragma unroll
  for (int i = 0; i < kTileHalves / kChunkHalves / kScoreThreads; i++) {
    int index = static_cast<int>(threadIdx.x) + i * kScoreThreads;
    int row = index / kChunks;
    int chunk = index % kChunks;
    const f16* from = rows + static_cast<size_t>(row) * columns + first_column;
    cp16(tile_chunk(tile, row, chunk), from + chunk * kChunkHalves);
  }
}

/** Adds the products of two tiles. */
DEV void multiply_tiles(f16* token_tile, f16* latent_tile, TileScores& scores) {
  int lane = lane_id();
  int first_token = warp_id() % 4 * 32;
  int first_latent = warp_id() / 4 * 64;
#pragma unroll
  for (int half = 0; half < kTileColumns / 16; half++) {
    uint32_t a[2][4];
    uint32_t b[4][4];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      int row = first_token + i * 16 + (lane & 15);
      ldsm4(a[i], tile_chunk(token_tile, row, half * 2 + (lane >> 4)));
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int row = first_latent + j * 16 + (lane & 7) + (lane >> 4) * 8;
      ldsm4(b[j], tile_chunk(latent_tile, row, half * 2 + (lane >> 3 & 1)));
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
#pragma unroll
      for (int j = 0; j < 8; j++) {
        mma16816(scores.sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
      }
    }
  }
}

/** The scores of this block's tile; tiles of columns travel through a ring of kStages buffers. */
DEV void multiply(
    f16* ring,
    const f16* __restrict__ token_halves,
    const f16* __restrict__ latent_halves,
    int columns,
    TileScores& scores) {
  const f16* token_rows = token_halves + static_cast<size_t>(blockIdx.x) * kTileTokens * columns;
  const f16* latent_rows = latent_halves + static_cast<size_t>(blockIdx.y) * kTileLatents * columns;
  f16* token_ring = ring;
  f16* latent_ring = ring + kStages * kTileHalves;
#pragma unroll
  for (int i = 0; i < 2; i++) {
#pragma unroll
    for (int j = 0; j < 8; j++) {
#pragma unroll
      for (int r = 0; r < 4; r++) {
        scores.sums[i][j][r] = 0.0f;
      }
    }
  }
  int steps = columns / kTileColumns;
#pragma unroll
  for (int stage = 0; stage < kStages - 1; stage++) {
    if (stage < steps) {
      load_tile(token_ring + stage * kTileHalves, token_rows, columns, stage * kTileColumns);
      load_tile(latent_ring + stage * kTileHalves, latent_rows, columns, stage * kTileColumns);
    }
    // A group for every step, be it empty, keeps the count of cp_wait right.
    cp_commit();
  }
  for (int step = 0; step < steps; step++) {
    cp_wait<kStages - 2>();
    __syncthreads();
    int next = step + kStages - 1;
    if (next < steps) {
      int at = next % kStages * kTileHalves;
      load_tile(token_ring + at, token_rows, columns, next * kTileColumns);
      load_tile(latent_ring + at, latent_rows, columns, next * kTileColumns);
    }
    cp_commit();
    int at = step % kStages * kTileHalves;
    multiply_tiles(token_ring + at, latent_ring + at, scores);
  }
  // The ring may be used for something else from here on.
  cp_wait<0>();
  __syncthreads();
}

/** The four tokens of a thread, r = 2 i + h. */
DEV int thread_token(int r) {
  return static_cast<int>(blockIdx.x) * kTileTokens + warp_id() % 4 * 32 + r * 8 + lane_id() / 4;
}

/** The first of the 16 latents of a thread, within its block's. */
DEV int thread_latent() { return warp_id() / 4 * 64 + lane_id() % 4 * 2; }

/** Puts the bounds of the block's latents into shared memory, where all warps read them. */
DEV void share_latents(const LatentBound* __restrict__ latents, LatentBound* shared) {
  int first = static_cast<int>(blockIdx.y) * kTileLatents;
  for (int i = static_cast<int>(threadIdx.x); i < kTileLatents; i += kScoreThreads) {
    shared[i] = latents[first + i];
  }
}

KERNEL void __launch_bounds__(kScoreThreads, 2) group_max(
    const f16* __restrict__ token_halves,
    const f16* __restrict__ latent_halves,
    int columns,
    const TokenBound* __restrict__ tokens,
    const LatentBound* __restrict__ latents,
    const float* __restrict__ minus_lower,
    float* __restrict__ maxima) {
  DYN_SMEM(f16, ring);
  TileScores scores;
  multiply(ring, token_halves, latent_halves, columns, scores);
  LatentBound* shared_latents = reinterpret_cast<LatentBound*>(ring);
  share_latents(latents, shared_latents);
  __syncthreads();
  TokenBound token[4];
  float largest[4];
#pragma unroll
  for (int r = 0; r < 4; r++) {
    token[r] = tokens[thread_token(r)];
    largest[r] = -infinity();
  }
#pragma unroll
  for (int j = 0; j < 8; j++) {
#pragma unroll
    for (int c = 0; c < 2; c++) {
      int column = thread_latent() + j * 8 + c;
      LatentBound latent = shared_latents[column];
      float minus = minus_lower[static_cast<size_t>(blockIdx.y) * kTileLatents + column];
#pragma unroll
      for (int r = 0; r < 4; r++) {
        float score = mul_rn(scores.sums[r / 2][j][r % 2 * 2 + c], token[r].scale);
        largest[r] = fmaxf(largest[r], lower_bound(score, token[r], latent, minus));
      }
    }
  }
  size_t groups = static_cast<size_t>(gridDim.y) * (kTileLatents / 16);
  int group = static_cast<int>(blockIdx.y) * 8 + warp_id() / 4 * 4 + lane_id() % 4;
#pragma unroll
  for (int r = 0; r < 4; r++) {
    maxima[thread_token(r) * groups + group] = largest[r];
  }
}
REGISTER_KERNEL(group_max);

/**
 * Tokens' places in global memory are taken once a block and token: first the lanes count, in bits
 * and in shared memory, then one thread a token adds up, then the lanes write.
 */
KERNEL void __launch_bounds__(kScoreThreads, 2) nominate(
    const f16* __restrict__ token_halves,
    const f16* __restrict__ latent_halves,
    int columns,
    const TokenBound* __restrict__ tokens,
    const LatentBound* __restrict__ latents,
    int capacity,
    int* __restrict__ counts,
    Candidate* __restrict__ candidates) {
  DYN_SMEM(f16, ring);
  TileScores scores;
  multiply(ring, token_halves, latent_halves, columns, scores);
  LatentBound* shared_latents = reinterpret_cast<LatentBound*>(ring);
  int* block_counts = reinterpret_cast<int*>(shared_latents + kTileLatents);
  share_latents(latents, shared_latents);
  if (threadIdx.x < kTileTokens) {
    block_counts[threadIdx.x] = 0;
  }
  __syncthreads();
  uint32_t reached[4] = {0, 0, 0, 0};
  {
    TokenBound token[4];
#pragma unroll
    for (int r = 0; r < 4; r++) {
      token[r] = tokens[thread_token(r)];
    }
#pragma unroll
    for (int j = 0; j < 8; j++) {
#pragma unroll
      for (int c = 0; c < 2; c++) {
        LatentBound latent = shared_latents[thread_latent() + j * 8 + c];
#pragma unroll
        for (int r = 0; r < 4; r++) {
          float& score = scores.sums[r / 2][j][r % 2 * 2 + c];
          score = mul_rn(score, token[r].scale);
          if (upper_bound(score, token[r], latent) >= token[r].threshold) {
            reached[r] |= 1u << (2 * j + c);
          }
        }
      }
    }
  }
  int first_token = static_cast<int>(blockIdx.x) * kTileTokens;
  int place[4];
#pragma unroll
  for (int r = 0; r < 4; r++) {
    place[r] = 0;
    if (reached[r] != 0) {
      place[r] = atomicAdd(&block_counts[thread_token(r) - first_token], popcount(reached[r]));
    }
  }
  __syncthreads();
  if (threadIdx.x < kTileTokens && block_counts[threadIdx.x] > 0) {
    int token = first_token + static_cast<int>(threadIdx.x);
    block_counts[threadIdx.x] = atomicAdd(&counts[token], block_counts[threadIdx.x]);
  }
  __syncthreads();
#pragma unroll
  for (int r = 0; r < 4; r++) {
    if (reached[r] != 0) {
      int token = thread_token(r);
      int at = block_counts[token - first_token] + place[r];
      Candidate* row = candidates + static_cast<size_t>(token) * capacity;
#pragma unroll
      for (int j = 0; j < 8; j++) {
#pragma unroll
        for (int c = 0; c < 2; c++) {
          if (reached[r] >> (2 * j + c) & 1u) {
            if (at < capacity) {
              int latent = static_cast<int>(blockIdx.y) * kTileLatents + thread_latent() + j * 8 + c;
              row[at].latent = static_cast<uint32_t>(latent);
              row[at].value = float_bits(scores.sums[r / 2][j][r % 2 * 2 + c]);
            }
            at++;
          }
        }
      }
    }
  }
}
REGISTER_KERNEL(nominate);
