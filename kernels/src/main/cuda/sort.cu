// SPDX-License-Identifier: Apache-2.0
#include "block_scan.h"

/*
 * A stable radix sort of entries by a whole number: one pass of the three kernels for every four
 * bits of the key, the lowest first. Entries with the same key keep their order, so that entries
 * sorted by token become, of each latent, entries sorted by token.
 *
 * keys        i32 [count], not negative
 * entries     i32 [count]: what goes with the keys; null for 0, 1, 2, ...
 * shift       which four bits: 0, 4, 8, ...
 * places      i32 [16, blocks], blocks = ceil(count / 1024): of sort_count, how many keys of each
 *             digit a block has; after sort_places, where the first of them goes
 * to_keys, to_entries   i32 [count]: not those that are read
 *
 * Launch: sort_count and sort_scatter in blocks of 128 threads, grid (blocks); sort_places one
 * block of 256 threads, with count = 16 blocks. No dynamic shared memory.
 */

constexpr int kDigits = 16;
constexpr int kSortThreads = 128;
constexpr int kThreadEntries = 8;
constexpr int kSortEntries = kSortThreads * kThreadEntries;

DEV int digit_of(int key, int shift) { return key >> shift & (kDigits - 1); }

KERNEL void __launch_bounds__(kSortThreads) sort_count(
    const int* __restrict__ keys, int count, int shift, int* __restrict__ places) {
  __shared__ int found[kDigits];
  int thread = static_cast<int>(threadIdx.x);
  if (thread < kDigits) {
    found[thread] = 0;
  }
  __syncthreads();
  for (int i = 0; i < kThreadEntries; i++) {
    int entry = static_cast<int>(blockIdx.x) * kSortEntries + i * kSortThreads + thread;
    if (entry < count) {
      atomicAdd(&found[digit_of(keys[entry], shift)], 1);
    }
  }
  __syncthreads();
  if (thread < kDigits) {
    places[thread * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x)] = found[thread];
  }
}
REGISTER_KERNEL(sort_count);

KERNEL void __launch_bounds__(kScanThreads) sort_places(int* __restrict__ places, int count) {
  __shared__ int sums[kScanThreads];
  int before = 0;
  for (int base = 0; base < count; base += kScanThreads) {
    int at = base + static_cast<int>(threadIdx.x);
    int found = at < count ? places[at] : 0;
    int through = block_scan(found, sums);
    if (at < count) {
      places[at] = before + through - found;
    }
    before += sums[kScanThreads - 1];
    __syncthreads();
  }
}
REGISTER_KERNEL(sort_places);

/** A thread's entries are neighbours, and threads are served in order: that makes it stable. */
KERNEL void __launch_bounds__(kSortThreads) sort_scatter(
    const int* __restrict__ keys,
    const int* __restrict__ entries,
    int count,
    int shift,
    const int* __restrict__ places,
    int* __restrict__ to_keys,
    int* __restrict__ to_entries) {
  __shared__ int next[kDigits][kSortThreads];
  int thread = static_cast<int>(threadIdx.x);
  for (int digit = 0; digit < kDigits; digit++) {
    next[digit][thread] = 0;
  }
  int first = static_cast<int>(blockIdx.x) * kSortEntries + thread * kThreadEntries;
  int end = min(first + kThreadEntries, count);
  for (int entry = first; entry < end; entry++) {
    next[digit_of(keys[entry], shift)][thread]++;
  }
  __syncthreads();
  if (thread < kDigits) {
    int place = places[thread * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x)];
    for (int t = 0; t < kSortThreads; t++) {
      int found = next[thread][t];
      next[thread][t] = place;
      place += found;
    }
  }
  __syncthreads();
  for (int entry = first; entry < end; entry++) {
    int key = keys[entry];
    int place = next[digit_of(key, shift)][thread]++;
    to_keys[place] = key;
    to_entries[place] = entries == nullptr ? entry : entries[entry];
  }
}
REGISTER_KERNEL(sort_scatter);
