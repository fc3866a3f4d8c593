// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

/** What row and column indices must be. */
final class SparseIndices {
  private SparseIndices() {}

  /** Checks that each index is at least 0 and below {@code bound}. */
  static void require(String what, int[] indices, int bound) {
    for (int e = 0; e < indices.length; e++) {
      if (indices[e] < 0 || indices[e] >= bound) {
        throw new IllegalArgumentException(
            "%s of entry %d: %d (expected: 0 to %d)".formatted(what, e, indices[e], bound - 1));
      }
    }
  }
}
