// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

/**
 * A sparse matrix [rows, columns] in compressed sparse rows: row r has entries {@code [offsets[r],
 * offsets[r + 1])}, in the order in which they are added. Arrays are shared, not copied.
 */
public final class CsrMatrix {
  private final int columns;
  private final int[] offsets;
  private final int[] indices;
  private final float[] values;

  /**
   * @param columns at least 1
   * @param offsets [rows + 1], from 0, not descending
   * @param indices [nEntries], the column of each entry
   * @param values [nEntries]
   * @throws IllegalArgumentException if these do not fit together, or an index is not a column
   */
  public CsrMatrix(int columns, int[] offsets, int[] indices, float[] values) {
    if (columns < 1) {
      throw new IllegalArgumentException("columns: %d (expected: >= 1)".formatted(columns));
    }
    if (offsets.length == 0
        || offsets[0] != 0
        || offsets[offsets.length - 1] != indices.length
        || indices.length != values.length) {
      throw new IllegalArgumentException(
          "sparse rows: %d offsets, %d indices, %d values (expected: offsets from 0 to the number of both)"
              .formatted(offsets.length, indices.length, values.length));
    }
    for (int r = 0; r + 1 < offsets.length; r++) {
      if (offsets[r] > offsets[r + 1]) {
        throw new IllegalArgumentException(
            "offset of row %d: %d (expected: at most the next, %d)"
                .formatted(r, offsets[r], offsets[r + 1]));
      }
    }
    SparseIndices.require("column", indices, columns);
    this.columns = columns;
    this.offsets = offsets;
    this.indices = indices;
    this.values = values;
  }

  /** How many rows it has. */
  public int rows() {
    return offsets.length - 1;
  }

  /** How many columns it has. */
  public int columns() {
    return columns;
  }

  /** How many entries it has. */
  public int size() {
    return indices.length;
  }

  /** [rows + 1]; shared. */
  public int[] offsets() {
    return offsets;
  }

  /** [size], columns; shared. */
  public int[] indices() {
    return indices;
  }

  /** [size]; shared. */
  public float[] values() {
    return values;
  }
}
