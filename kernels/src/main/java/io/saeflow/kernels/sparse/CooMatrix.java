// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sparse;

/**
 * A sparse matrix [rows, columns] as coordinates: entry e is {@code values[e]} at {@code
 * (rowIndices[e], columnIndices[e])}. Entries come in any order, which is that of additions;
 * several at one place are added. Arrays are shared, not copied.
 */
public final class CooMatrix {
  private final int rows;
  private final int columns;
  private final int[] rowIndices;
  private final int[] columnIndices;
  private final float[] values;

  /**
   * @param rows at least 0
   * @param columns at least 1
   * @throws IllegalArgumentException if the arrays differ in length, or an index is outside
   */
  public CooMatrix(int rows, int columns, int[] rowIndices, int[] columnIndices, float[] values) {
    if (rows < 0 || columns < 1) {
      throw new IllegalArgumentException(
          "rows: %d, columns: %d (expected: >= 0, >= 1)".formatted(rows, columns));
    }
    if (rowIndices.length != columnIndices.length || rowIndices.length != values.length) {
      throw new IllegalArgumentException(
          "coordinates: %d rows, %d columns, %d values (expected: as many)"
              .formatted(rowIndices.length, columnIndices.length, values.length));
    }
    SparseIndices.require("row", rowIndices, rows);
    SparseIndices.require("column", columnIndices, columns);
    this.rows = rows;
    this.columns = columns;
    this.rowIndices = rowIndices;
    this.columnIndices = columnIndices;
    this.values = values;
  }

  /** How many rows it has. */
  public int rows() {
    return rows;
  }

  /** How many columns it has. */
  public int columns() {
    return columns;
  }

  /** How many entries it has. */
  public int size() {
    return values.length;
  }

  /** [size]; shared. */
  public int[] rowIndices() {
    return rowIndices;
  }

  /** [size]; shared. */
  public int[] columnIndices() {
    return columnIndices;
  }

  /** [size]; shared. */
  public float[] values() {
    return values;
  }
}
