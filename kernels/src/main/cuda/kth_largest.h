// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hw.h"

/**
 * The k-th largest of keys in shared memory, 1 <= k <= count, found bit by bit from the highest: the
 * largest number that k keys reach. Every thread of the block calls it and gets it.
 */
DEV uint32_t kth_largest(const uint32_t* keys, int count, int k) {
  uint32_t found = 0;
  for (int bit = 31; bit >= 0; bit--) {
    uint32_t tried = found | 1u << bit;
    int reached = 0;
    for (int base = 0; base < count; base += static_cast<int>(blockDim.x)) {
      int i = base + static_cast<int>(threadIdx.x);
      reached += syncthreads_count(i < count && keys[i] >= tried);
    }
    if (reached >= k) {
      found = tried;
    }
  }
  return found;
}
