// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static io.saeflow.kernels.cuda.Kernel.Parameter.FLOAT;
import static io.saeflow.kernels.cuda.Kernel.Parameter.INT;
import static io.saeflow.kernels.cuda.Kernel.Parameter.LONG;
import static io.saeflow.kernels.cuda.Kernel.Parameter.POINTER;

import java.util.List;
import java.util.Locale;

/**
 * The kernels of src/main/cuda and their parameters, in order; there the source says what each
 * means. A kernel's name is its entry in lower case.
 */
enum Kernel {
  /** x, weights, bias, rows or null, tokens, width, first, end, out. */
  DENSE_CANON(POINTER, POINTER, POINTER, POINTER, INT, INT, INT, INT, POINTER),

  /**
   * activations, input bias, layer norm, tokens, padded tokens, width, columns, row error, rows,
   * halves, token bounds, roads.
   */
  PREPARE_ROWS_F32(
      POINTER, POINTER, INT, INT, INT, INT, INT, FLOAT, POINTER, POINTER, POINTER, POINTER),

  /** As {@link #PREPARE_ROWS_F32}, of binary16. */
  PREPARE_ROWS_F16(
      POINTER, POINTER, INT, INT, INT, INT, INT, FLOAT, POINTER, POINTER, POINTER, POINTER),

  /** As {@link #PREPARE_ROWS_F32}, of bfloat16. */
  PREPARE_ROWS_BF16(
      POINTER, POINTER, INT, INT, INT, INT, INT, FLOAT, POINTER, POINTER, POINTER, POINTER),

  /**
   * weights, bias, thresholds or null, latents, padded latents, width, columns, product error, row
   * error, underflow, halves, latent bounds, minus lower.
   */
  PREPARE_LATENTS(
      POINTER, POINTER, POINTER, INT, INT, INT, INT, FLOAT, FLOAT, FLOAT, POINTER, POINTER,
      POINTER),

  /** token halves, latent halves, columns, token bounds, latent bounds, minus lower, maxima. */
  GROUP_MAX(POINTER, POINTER, INT, POINTER, POINTER, POINTER, POINTER),

  /** maxima, groups, k, token bounds. */
  GROUP_THRESHOLD(POINTER, INT, INT, POINTER),

  /**
   * token halves, latent halves, columns, token bounds, latent bounds, capacity, counts,
   * candidates.
   */
  NOMINATE(POINTER, POINTER, INT, POINTER, POINTER, INT, POINTER, POINTER),

  /**
   * rows, weights, bias, thresholds or null, width, token bounds, latent bounds, minus lower, k,
   * capacity, candidates, counts, roads, rescored.
   */
  SELECT_ACTIVE(
      POINTER, POINTER, POINTER, POINTER, INT, POINTER, POINTER, POINTER, INT, INT, POINTER,
      POINTER, POINTER, POINTER),

  /** counts, tokens, offsets. */
  TOKEN_OFFSETS(POINTER, INT, POINTER),

  /** active, offsets, tokens, capacity, latents, values. */
  PACK_LATENTS(POINTER, POINTER, INT, INT, POINTER, POINTER),

  /** keys, count, shift, places. */
  SORT_COUNT(POINTER, INT, INT, POINTER),

  /** places, count. */
  SORT_PLACES(POINTER, INT),

  /** keys, entries, count, shift, places, to keys, to entries. */
  SORT_SCATTER(POINTER, POINTER, INT, INT, POINTER, POINTER, POINTER),

  /** keys, count, latents, starts. */
  LATENT_STARTS(POINTER, INT, INT, POINTER),

  /** entries, count, offsets, tokens, values, to tokens, to values. */
  TOKEN_ENTRIES(POINTER, INT, POINTER, INT, POINTER, POINTER, POINTER),

  /** keys, tokens, values, count, context length, totals. */
  LATENT_TOTALS(POINTER, POINTER, POINTER, INT, INT, POINTER),

  /** offsets, order or null, indices, values, dense, width, out. */
  SPARSE_TIMES_DENSE(POINTER, POINTER, POINTER, POINTER, POINTER, INT, POINTER),

  /** offsets, rows, entry rows. */
  CSR_ROWS(POINTER, INT, POINTER),

  /** sorted columns, entries, columns, offsets. */
  COO_BOUNDS(POINTER, INT, INT, POINTER),

  /** left, right, width, offsets, indices, out. */
  DENSE_AT_POSITIONS(POINTER, POINTER, INT, POINTER, POINTER, POINTER),

  /** x, size, columns, a, a rows, b, b rows, c. */
  ADD_PRODUCTS(POINTER, LONG, INT, POINTER, INT, POINTER, INT, FLOAT),

  /** x, rows, columns, out. */
  COLUMN_SUMS(POINTER, INT, INT, POINTER),

  /** As {@link #COLUMN_SUMS}, of binary16. */
  COLUMN_SUMS_F16(POINTER, INT, INT, POINTER),

  /** actual, expected, rows, width, means or null, normalised or null. */
  SQUARED_ERRORS(POINTER, POINTER, INT, INT, POINTER, POINTER),

  /**
   * activations, offsets, latents, values, weights, output bias, layer norm, tokens, width,
   * reconstruction or null, errors or null.
   */
  DECODE_TOKENS(
      POINTER, POINTER, POINTER, POINTER, POINTER, POINTER, INT, INT, INT, POINTER, POINTER);

  /** What a parameter is. */
  enum Parameter {
    INT(Integer.BYTES),
    LONG(Long.BYTES),
    FLOAT(Float.BYTES),
    POINTER(Long.BYTES);

    private final int bytes;

    Parameter(int bytes) {
      this.bytes = bytes;
    }

    int bytes() {
      return bytes;
    }
  }

  private final List<Parameter> parameters;

  Kernel(Parameter... parameters) {
    this.parameters = List.of(parameters);
  }

  String entry() {
    return name().toLowerCase(Locale.ROOT);
  }

  List<Parameter> parameters() {
    return parameters;
  }
}
