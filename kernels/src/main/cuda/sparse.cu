// SPDX-License-Identifier: Apache-2.0
//
// Products and sums with sparse matrices, equal to the bit to those of package
// io.saeflow.kernels.sparse. All matrices are dense row-major unless stated otherwise; everything
// is f32, rounded to nearest; sums start at +0.
#include "dot32.h"

/**
 * Sparse times dense (SparseProducts.multiply): out = a dense.
 *
 *   sum = +0;  for e = offsets[r] .. offsets[r + 1] - 1:
 *     sum = fma_rn(values[i], dense[indices[i], j], sum),  i = order[e]
 *   out[r, j] = sum
 *
 * With the rows of a transposed matrix it is SparseProducts.multiplyTransposed: `indices` are then
 * the row of each entry, `order` lists the entries by column, those of a column in their order (as a
 * stable sort leaves them), and `offsets` are coo_bounds of it.
 *
 * offsets  i32 [rows + 1], from 0, not descending
 * order    i32 [nEntries]: which entry comes when; null for 0, 1, 2, ...
 * indices  i32 [nEntries]: each a row of dense
 * values   f32 [nEntries]
 * dense    f32 [columns, width]
 * out      f32 [rows, width]
 *
 * Launch: a block of any number of warps for each row, grid.x = rows; no shared memory. Threads take
 * the columns of dense, so each warp reads a stretch of a row. A row's entries are one chain,
 * however many there are.
 */
KERNEL void sparse_times_dense(
    const int* __restrict__ offsets,
    const int* __restrict__ order,
    const int* __restrict__ indices,
    const float* __restrict__ values,
    const float* __restrict__ dense,
    int width,
    float* __restrict__ out) {
  size_t row = blockIdx.x;
  int from = offsets[row];
  int to = offsets[row + 1];
  for (int j = static_cast<int>(threadIdx.x); j < width; j += static_cast<int>(blockDim.x)) {
    float sum = 0.0f;
    for (int e = from; e < to; e++) {
      int entry = order == nullptr ? e : order[e];
      sum = fma_rn(values[entry], dense[static_cast<size_t>(indices[entry]) * width + j], sum);
    }
    out[row * width + j] = sum;
  }
}
REGISTER_KERNEL(sparse_times_dense);

/**
 * The row of each entry of compressed sparse rows, for coordinates.
 *
 *   entry_rows[e] = r,  offsets[r] <= e < offsets[r + 1]
 *
 * offsets     i32 [rows + 1]
 * entry_rows  i32 [nEntries]
 *
 * Launch: a warp for each row, in blocks of whole warps, grid.x of them; no shared memory.
 */
KERNEL void csr_rows(const int* __restrict__ offsets, int rows, int* __restrict__ entry_rows) {
  size_t row = static_cast<size_t>(blockIdx.x) * (blockDim.x / kLanes) + warp_id();
  if (row >= static_cast<size_t>(rows)) {
    return;
  }
  for (int e = offsets[row] + lane_id(); e < offsets[row + 1]; e += kLanes) {
    entry_rows[e] = static_cast<int>(row);
  }
}
REGISTER_KERNEL(csr_rows);

/**
 * Where each column's entries begin among entries sorted by column.
 *
 *   offsets[c] = the number of entries with a column below c,  c = 0..columns
 *
 * sorted   i32 [entries], not descending, each in [0, columns)
 * offsets  i32 [columns + 1]
 *
 * Launch: a thread for each of entries + 1 gaps between entries, in blocks of whole warps; no shared
 * memory. Thread e writes the columns after entry e - 1's up to entry e's, so each once.
 */
KERNEL void coo_bounds(
    const int* __restrict__ sorted, int entries, int columns, int* __restrict__ offsets) {
  size_t e = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (e > static_cast<size_t>(entries)) {
    return;
  }
  int after = e == 0 ? 0 : sorted[e - 1] + 1;
  int last = e == static_cast<size_t>(entries) ? columns : sorted[e];
  for (int c = after; c <= last; c++) {
    offsets[c] = static_cast<int>(e);
  }
}
REGISTER_KERNEL(coo_bounds);

/**
 * Dense times dense, transposed, at the entries of a sparse matrix (SparseProducts.multiplyAt).
 *
 *   out[e] = dot32(left[r], right[indices[e]]),  offsets[r] <= e < offsets[r + 1]
 *
 * left     f32 [rows, width]
 * right    f32 [columns, width]
 * offsets  i32 [rows + 1]
 * indices  i32 [nEntries], each in [0, columns)
 * out      f32 [nEntries]
 *
 * Launch: a block of whole warps for each row, grid.x = rows; no shared memory. Each warp takes one
 * of the row's entries after the other.
 */
KERNEL void dense_at_positions(
    const float* __restrict__ left,
    const float* __restrict__ right,
    int width,
    const int* __restrict__ offsets,
    const int* __restrict__ indices,
    float* __restrict__ out) {
  size_t row = blockIdx.x;
  int warps = static_cast<int>(blockDim.x) / kLanes;
  for (int e = offsets[row] + warp_id(); e < offsets[row + 1]; e += warps) {
    float dot =
        dot32(left + row * width, right + static_cast<size_t>(indices[e]) * width, width);
    if (lane_id() == 0) {
      out[e] = dot;
    }
  }
}
REGISTER_KERNEL(dense_at_positions);

/**
 * Adds products in place (DenseSums.addProducts).
 *
 *   x[i, j] = fma_rn(mul_rn(a[i, j], b[i, j]), c, x[i, j])
 *
 * x     f32 [rows, columns]
 * a, b  f32 [rows, columns] with a_rows (b_rows) 1, or [columns], the same for all rows, with 0
 *
 * Launch: a thread for each element, in blocks of whole warps, grid.x of them; no shared memory.
 */
KERNEL void add_products(
    float* __restrict__ x,
    size_t size,
    int columns,
    const float* __restrict__ a,
    int a_rows,
    const float* __restrict__ b,
    int b_rows,
    float c) {
  size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) {
    return;
  }
  size_t column = i % columns;
  float product = mul_rn(a[a_rows == 0 ? column : i], b[b_rows == 0 ? column : i]);
  x[i] = fma_rn(product, c, x[i]);
}
REGISTER_KERNEL(add_products);

/** Of float32 and, widened, of float16 values. */
DEV float column_value(float value) { return value; }
DEV float column_value(f16 value) { return h2f(value); }

/** column_sums, for a block; sums is shared. */
template <class T>
DEV void sum_columns(
    const T* __restrict__ x, int rows, int columns, float sums[32][32], float* __restrict__ out) {
  int chain = warp_id();
  int column = static_cast<int>(blockIdx.x) * kLanes + lane_id();
  float sum = 0.0f;
  for (int i = chain; column < columns && i < rows; i += kLanes) {
    sum = add_rn(sum, column_value(x[static_cast<size_t>(i) * columns + column]));
  }
  sums[chain][lane_id()] = sum;
  __syncthreads();
  for (int o = kLanes / 2; o >= 1; o /= 2) {
    if (chain < o) {
      sums[chain][lane_id()] = add_rn(sums[chain][lane_id()], sums[chain + o][lane_id()]);
    }
    __syncthreads();
  }
  if (chain == 0 && column < columns) {
    out[column] = sums[0][lane_id()];
  }
}

/**
 * The sum of each column in float32 (DenseSums.columnSums).
 *
 *   s[l] = +0;  for i = l, l + 32, l + 64, ... < rows:  s[l] = add_rn(s[l], x[i, j])
 *   for o = 16, 8, 4, 2, 1:  s[l] = add_rn(s[l], s[l + o])                    l = 0..o-1
 *   out[j] = s[0]
 *
 * x    f32 [rows, columns]; f16 of column_sums_f16, whose values are widened first
 * out  f32 [columns]
 *
 * Launch: blocks of exactly 32 warps, one for 32 columns, grid.x = ceil(columns / 32); 4 KB of
 * static shared memory. Lanes are columns and warps are chains, so each warp reads a stretch of a
 * row.
 */
KERNEL void column_sums(
    const float* __restrict__ x, int rows, int columns, float* __restrict__ out) {
  __shared__ float sums[32][32];
  sum_columns(x, rows, columns, sums, out);
}
REGISTER_KERNEL(column_sums);

KERNEL void column_sums_f16(
    const f16* __restrict__ x, int rows, int columns, float* __restrict__ out) {
  __shared__ float sums[32][32];
  sum_columns(x, rows, columns, sums, out);
}
REGISTER_KERNEL(column_sums_f16);

/**
 * How far rows are from what they should be (SquaredErrors).
 *
 *   d[j] = add_rn(actual[r, j], -expected[r, j])
 *   means[r]      = div_rn(dot32(d, d), width)
 *   normalized[r] = ddiv_rn(dot32(d, d), dot32(expected[r], expected[r])), both widened
 *
 * actual, expected  f32 [rows, width]
 * means             f32 [rows], or null
 * normalized        f64 [rows], or null; NaN or infinite as float64 has it
 *
 * Launch: a warp for each row, in blocks of whole warps, grid.x of them; no shared memory.
 */
KERNEL void squared_errors(
    const float* __restrict__ actual,
    const float* __restrict__ expected,
    int rows,
    int width,
    float* __restrict__ means,
    double* __restrict__ normalized) {
  size_t row = static_cast<size_t>(blockIdx.x) * (blockDim.x / kLanes) + warp_id();
  if (row >= static_cast<size_t>(rows)) {
    return;
  }
  const float* a = actual + row * width;
  const float* b = expected + row * width;
  float error = 0.0f;
  for (int j = lane_id(); j < width; j += kLanes) {
    float difference = add_rn(a[j], -b[j]);
    error = fma_rn(difference, difference, error);
  }
  error = sum_of_lanes(error);
  float size = dot32(b, b, width);
  if (lane_id() == 0 && means != nullptr) {
    means[row] = div_rn(error, static_cast<float>(width));
  }
  if (lane_id() == 0 && normalized != nullptr) {
    normalized[row] = ddiv_rn(static_cast<double>(error), static_cast<double>(size));
  }
}
REGISTER_KERNEL(squared_errors);
