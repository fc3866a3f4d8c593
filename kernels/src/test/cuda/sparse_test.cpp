// SPDX-License-Identifier: Apache-2.0
//
// The sparse kernels against plain loops in the order that their headers state, bit for bit; and
// the transposed product against that of the explicit dense matrices.
//
// sparse_test [first seed] [cases]
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <random>

#include "device.h"
#include "seeds.h"

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (!holds) {
    std::printf("FAILED: %s\n", what);
    failures++;
  }
}

void expect_bits(const std::vector<float>& actual, const std::vector<float>& expected,
                 const char* what) {
  bool same = actual.size() == expected.size();
  for (size_t i = 0; same && i < actual.size(); i++) {
    same = float_bits(actual[i]) == float_bits(expected[i]);
  }
  expect(same, what);
}

std::vector<float> draw(std::mt19937& random, size_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) {
    value = normal(random);
  }
  return values;
}

struct Csr {
  int rows;
  int columns;
  std::vector<int> offsets;
  std::vector<int> indices;
  std::vector<float> values;

  int size() const { return static_cast<int>(indices.size()); }
};

/** The same on the device. */
struct DeviceCsr {
  device::Memory<int> offsets;
  device::Memory<int> indices;
  device::Memory<float> values;

  explicit DeviceCsr(const Csr& a) : offsets(a.offsets), indices(a.indices), values(a.values) {}
};

/** Some rows and columns are empty; a column may come twice in a row. */
Csr draw_sparse(std::mt19937& random, int rows, int columns) {
  Csr a{rows, columns, {0}, {}, {}};
  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < columns && r % 3 != 1; c++) {
      int times = static_cast<int>(random() % 8) / 3 - (c % 5 == 2 ? 9 : 0);
      for (int i = 0; i < times; i++) {
        a.indices.push_back(c);
      }
    }
    a.offsets.push_back(a.size());
  }
  a.values = draw(random, a.indices.size());
  return a;
}

/** 32 chains and a tree. */
float reduce(float chains[32]) {
  for (int o = 16; o >= 1; o /= 2) {
    for (int l = 0; l < o; l++) {
      chains[l] += chains[l + o];
    }
  }
  return chains[0];
}

float dot(const float* x, const float* w, int width) {
  float chains[32] = {};
  for (int j = 0; j < width; j++) {
    chains[j % 32] = std::fma(x[j], w[j], chains[j % 32]);
  }
  return reduce(chains);
}

unsigned blocks(size_t items, size_t a_block) {
  return static_cast<unsigned>((items + a_block - 1) / a_block);
}

void multiplies(std::mt19937& random, int rows, int columns, int width, unsigned threads) {
  Csr a = draw_sparse(random, rows, columns);
  std::vector<float> dense = draw(random, static_cast<size_t>(columns) * width);
  std::vector<float> expected(static_cast<size_t>(rows) * width, 0.0f);
  for (int r = 0; r < rows; r++) {
    for (int e = a.offsets[r]; e < a.offsets[r + 1]; e++) {
      for (int j = 0; j < width; j++) {
        float& sum = expected[r * width + j];
        sum = std::fma(a.values[e], dense[a.indices[e] * width + j], sum);
      }
    }
  }
  DeviceCsr device_a(a);
  device::Memory device_dense(dense);
  device::Memory out(std::vector<float>(expected.size(), NAN));
  const int* no_order = nullptr;
  device::run(
      "sparse_times_dense", {static_cast<unsigned>(rows)}, {threads}, 0, device_a.offsets.data(),
      no_order, device_a.indices.data(), device_a.values.data(), device_dense.data(), width,
      out.data());
  expect_bits(out.values(), expected, "sparse_times_dense");
}

void multiplies_transposed(std::mt19937& random, int rows, int columns, int width,
                           unsigned threads) {
  Csr a = draw_sparse(random, rows, columns);
  std::vector<float> dense = draw(random, static_cast<size_t>(rows) * width);
  DeviceCsr device_a(a);
  device::Memory<int> device_entry_rows(a.size());
  device::run(
      "csr_rows", {blocks(rows, threads / 32)}, {threads}, 0, device_a.offsets.data(), rows,
      device_entry_rows.data());

  std::vector<int> order(a.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int e, int f) { return a.indices[e] < a.indices[f]; });
  std::vector<int> sorted;
  for (int e : order) {
    sorted.push_back(a.indices[e]);
  }
  device::Memory device_sorted(sorted);
  device::Memory<int> device_bounds(columns + 1);
  device::run(
      "coo_bounds", {blocks(sorted.size() + 1, threads)}, {threads}, 0, device_sorted.data(),
      a.size(), columns, device_bounds.data());
  std::vector<int> bounds = device_bounds.values();
  for (int c = 0; c <= columns; c++) {
    expect(bounds[c] == std::lower_bound(sorted.begin(), sorted.end(), c) - sorted.begin(),
           "coo_bounds");
  }

  device::Memory device_order(order);
  device::Memory device_dense(dense);
  device::Memory device_out(std::vector<float>(static_cast<size_t>(columns) * width, NAN));
  device::run(
      "sparse_times_dense", {static_cast<unsigned>(columns)}, {threads}, 0, device_bounds.data(),
      device_order.data(), device_entry_rows.data(), device_a.values.data(), device_dense.data(),
      width, device_out.data());
  std::vector<float> out = device_out.values();
  std::vector<int> entry_rows = device_entry_rows.values();

  std::vector<float> expected(out.size(), 0.0f);
  std::vector<double> full(static_cast<size_t>(rows) * columns, 0.0);
  for (int r = 0; r < rows; r++) {
    for (int e = a.offsets[r]; e < a.offsets[r + 1]; e++) {
      expect(entry_rows[e] == r, "csr_rows");
      full[r * columns + a.indices[e]] += a.values[e];
      for (int j = 0; j < width; j++) {
        float& sum = expected[a.indices[e] * width + j];
        sum = std::fma(a.values[e], dense[r * width + j], sum);
      }
    }
  }
  expect_bits(out, expected, "sparse_times_dense, transposed");
  for (int c = 0; c < columns; c++) {
    for (int j = 0; j < width; j++) {
      double sum = 0;
      for (int r = 0; r < rows; r++) {
        sum += full[r * columns + c] * dense[r * width + j];
      }
      expect(std::fabs(out[c * width + j] - sum) < 1e-4, "the explicit transpose");
    }
  }
}

void multiplies_at(std::mt19937& random, int rows, int columns, int width, unsigned threads) {
  Csr a = draw_sparse(random, rows, columns);
  std::vector<float> left = draw(random, static_cast<size_t>(rows) * width);
  std::vector<float> right = draw(random, static_cast<size_t>(columns) * width);
  std::vector<float> expected;
  for (int r = 0; r < rows; r++) {
    for (int e = a.offsets[r]; e < a.offsets[r + 1]; e++) {
      expected.push_back(dot(&left[r * width], &right[a.indices[e] * width], width));
    }
  }
  DeviceCsr device_a(a);
  device::Memory device_left(left);
  device::Memory device_right(right);
  device::Memory out(std::vector<float>(a.size(), NAN));
  device::run(
      "dense_at_positions", {static_cast<unsigned>(rows)}, {threads}, 0, device_left.data(),
      device_right.data(), width, device_a.offsets.data(), device_a.indices.data(), out.data());
  expect_bits(out.values(), expected, "dense_at_positions");
}

void adds_products(std::mt19937& random, int rows, int columns, bool a_row, bool b_row) {
  size_t size = static_cast<size_t>(rows) * columns;
  std::vector<float> x = draw(random, size);
  std::vector<float> a = draw(random, a_row ? columns : size);
  std::vector<float> b = draw(random, b_row ? columns : size);
  std::vector<float> expected = x;
  for (size_t i = 0; i < size; i++) {
    float product = a[i % a.size()] * b[i % b.size()];
    expected[i] = std::fma(product, -0.3f, expected[i]);
  }
  device::Memory device_x(x);
  device::Memory device_a(a);
  device::Memory device_b(b);
  device::run(
      "add_products", {blocks(size, 64)}, {64}, 0, device_x.data(), size, columns, device_a.data(),
      a_row ? 0 : 1, device_b.data(), b_row ? 0 : 1, -0.3f);
  expect_bits(device_x.values(), expected, "add_products");
}

void sums_columns(std::mt19937& random, int rows, int columns) {
  std::vector<float> x = draw(random, static_cast<size_t>(rows) * columns);
  std::vector<f16> halves;
  for (float value : x) {
    halves.push_back(f2h(value));
  }
  std::vector<float> expected;
  std::vector<float> expected_of_halves;
  for (int j = 0; j < columns; j++) {
    float chains[32] = {};
    float chains_of_halves[32] = {};
    for (int i = 0; i < rows; i++) {
      chains[i % 32] += x[i * columns + j];
      chains_of_halves[i % 32] += h2f(halves[i * columns + j]);
    }
    expected.push_back(reduce(chains));
    expected_of_halves.push_back(reduce(chains_of_halves));
  }
  device::Memory device_x(x);
  device::Memory device_halves(halves);
  device::Memory out(std::vector<float>(columns, NAN));
  device::run(
      "column_sums", {blocks(columns, 32)}, {1024}, 0, device_x.data(), rows, columns, out.data());
  expect_bits(out.values(), expected, "column_sums");
  device::run(
      "column_sums_f16", {blocks(columns, 32)}, {1024}, 0, device_halves.data(), rows, columns,
      out.data());
  expect_bits(out.values(), expected_of_halves, "column_sums_f16");
}

void measures_errors(std::mt19937& random, int rows, int width, unsigned threads) {
  std::vector<float> actual = draw(random, static_cast<size_t>(rows) * width);
  std::vector<float> expected = draw(random, actual.size());
  std::fill(expected.begin(), expected.begin() + width, 0.0f);
  device::Memory device_actual(actual);
  device::Memory device_expected(expected);
  device::Memory device_means(std::vector<float>(rows, NAN));
  device::Memory device_normalized(std::vector<double>(rows, -1));
  auto run = [&](float* means, double* normalized) {
    device::run(
        "squared_errors", {blocks(rows, threads / 32)}, {threads}, 0, device_actual.data(),
        device_expected.data(), rows, width, means, normalized);
  };
  run(device_means.data(), device_normalized.data());
  std::vector<float> means = device_means.values();
  std::vector<double> normalized = device_normalized.values();
  for (int r = 0; r < rows; r++) {
    std::vector<float> differences;
    for (int j = 0; j < width; j++) {
      differences.push_back(actual[r * width + j] - expected[r * width + j]);
    }
    float error = dot(differences.data(), differences.data(), width);
    float size = dot(&expected[r * width], &expected[r * width], width);
    expect(float_bits(means[r]) == float_bits(error / static_cast<float>(width)), "means");
    expect(normalized[r] == static_cast<double>(error) / size, "normalized");
  }
  expect(std::isinf(normalized[0]), "nothing was expected");
  run(nullptr, nullptr);
}

}  // namespace

int main(int count, char** arguments) {
  Seeds seeds(count, arguments, 0, 4);
  for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
    device::set_seed(seed);
    std::mt19937 random(static_cast<unsigned>(seed) + 5);
    for (int width : {1, 31, 32, 33, 64, 100}) {
      multiplies(random, 5, 9, width, 64);
      multiplies_transposed(random, 7, 12, width, 96);
      multiplies_at(random, 4, 9, width, 128);
      measures_errors(random, 5, width, 96);
    }
    multiplies(random, 1, 1, 3, 32);
    multiplies_transposed(random, 2, 1, 3, 32);
    multiplies_transposed(random, 1, 40, 3, 32);
    for (int rows : {1, 31, 32, 33, 70}) {
      sums_columns(random, rows, 33);
      sums_columns(random, rows, 1);
      adds_products(random, rows, 3, rows % 2 == 0, rows % 3 == 0);
    }
    adds_products(random, 9, 7, true, true);
    adds_products(random, 9, 7, false, false);
  }
  std::printf("%s\n", failures == 0 ? "ok" : "failed");
  return failures == 0 ? 0 : 1;
}
