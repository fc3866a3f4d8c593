// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hw.h"

constexpr int kScanThreads = 256;

/**
 * The sum of the values of this thread and of those before it, in a block of kScanThreads. Every
 * thread calls it; sums, of kScanThreads ints in shared memory, then holds what each one got, until
 * the next barrier.
 */
DEV int block_scan(int value, int* sums) {
  int thread = static_cast<int>(threadIdx.x);
  sums[thread] = value;
  __syncthreads();
  for (int o = 1; o < kScanThreads; o *= 2) {
    int before = thread >= o ? sums[thread - o] : 0;
    __syncthreads();
    sums[thread] += before;
    __syncthreads();
  }
  return sums[thread];
}
