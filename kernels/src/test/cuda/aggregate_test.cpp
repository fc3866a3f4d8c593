// SPDX-License-Identifier: Apache-2.0
//
// Sorts and aggregates random entries under emulation, and compares with std::stable_sort and with
// the order of additions written out once more, to the bit.
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <random>

#include "hw.h"

namespace {

struct Statistics {
  std::vector<double> sums;
  std::vector<unsigned long long> active;
  std::vector<float> largest;
  std::vector<int> histogram;

  Statistics(int latents, int bins)
      : sums(static_cast<size_t>(latents) * 4),
        active(latents),
        largest(latents),
        histogram(static_cast<size_t>(latents) * bins) {}

  bool operator==(const Statistics& other) const {
    return sums == other.sums && active == other.active && largest == other.largest &&
        histogram == other.histogram;
  }
};

struct Batch {
  std::vector<int> latents;
  std::vector<float> values;
};

Batch random_batch(std::mt19937& random, int latents, int count) {
  Batch batch;
  std::normal_distribution<float> normal;
  for (int i = 0; i < count; i++) {
    // Few latents have most entries.
    double u = static_cast<double>(random() % 100000) / 100000;
    batch.latents.push_back(static_cast<int>(latents * u * u * u));
    float value = normal(random) * 4;
    batch.values.push_back(random() % 10 == 0 ? value : std::fabs(value));
  }
  return batch;
}

/** As the kernels: values of each latent in order, 32 sums, halved by bits. */
void plain(const Batch& batch, int latents, int bins, Statistics& into) {
  std::vector<std::vector<float>> of(latents);
  for (size_t i = 0; i < batch.latents.size(); i++) {
    of[batch.latents[i]].push_back(batch.values[i]);
  }
  for (int f = 0; f < latents; f++) {
    double lanes[4][32] = {};
    for (size_t i = 0; i < of[f].size(); i++) {
      float value = of[f][i];
      double v = value;
      double square = v * v;
      double powers[4] = {v, square, square * v, square * square};
      for (int p = 0; p < 4; p++) {
        lanes[p][i % 32] += powers[p];
      }
      if (value > 0) {
        into.active[f]++;
        into.largest[f] = std::max(into.largest[f], value);
        int bin = 0;
        while (bin < bins - 1 && std::ceil(value / 0.2f) > static_cast<float>(bin + 1)) {
          bin++;
        }
        into.histogram[static_cast<size_t>(f) * bins + bin]++;
      }
    }
    for (int p = 0; p < 4 && !of[f].empty(); p++) {
      for (int half = 16; half >= 1; half /= 2) {
        for (int l = 0; l < half; l++) {
          lanes[p][l] += lanes[p][l + half];
        }
      }
      into.sums[static_cast<size_t>(f) * 4 + p] += lanes[p][0];
    }
  }
}

/** Runs the kernels; false if the sort is not std::stable_sort's. */
bool emulated(const Batch& batch, int latents, int bins, Statistics& into) {
  int count = static_cast<int>(batch.latents.size());
  unsigned blocks = static_cast<unsigned>((count + 1023) / 1024);
  std::vector<int> keys = batch.latents;
  std::vector<int> entries(count, -1);
  std::vector<int> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  std::stable_sort(expected.begin(), expected.end(), [&](int a, int b) {
    return batch.latents[a] < batch.latents[b];
  });
  std::vector<int> to_keys(count, -1);
  std::vector<int> to_entries(count, -1);
  std::vector<int> places(16 * blocks, -1);
  for (int shift = 0; shift == 0 || (latents - 1) >> shift > 0; shift += 4) {
    emu::run("sort_count", {blocks}, {128}, 0, keys.data(), count, shift, places.data());
    emu::run("sort_places", {1}, {256}, 0, places.data(), static_cast<int>(16 * blocks));
    emu::run(
        "sort_scatter", {blocks}, {128}, 0, keys.data(),
        shift == 0 ? nullptr : entries.data(), count, shift,
        places.data(), to_keys.data(), to_entries.data());
    keys.swap(to_keys);
    entries.swap(to_entries);
  }
  std::vector<int> starts(latents + 1, -1);
  unsigned start_blocks = static_cast<unsigned>(latents + 1 + 127) / 128;
  emu::run(
      "latent_starts", {start_blocks}, {128}, 0, keys.data(), count, latents, starts.data());
  emu::run(
      "latent_statistics", {static_cast<unsigned>(latents + 3) / 4}, {128}, 0, starts.data(),
      entries.data(), batch.values.data(), latents, bins, into.sums.data(), into.active.data(),
      into.largest.data(), into.histogram.data());
  return entries == expected;
}

bool run_case(uint64_t seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  const int sizes[] = {1, 2, 17, 300, 5000};
  const int counts[] = {1, 31, 1024, 1025, 9000};
  int latents = sizes[random() % 5];
  int bins = 1 + static_cast<int>(random() % 40);
  Statistics expected(latents, bins);
  Statistics actual(latents, bins);
  bool sorted = true;
  emu::set_seed(seed % 3 == 0 ? 0 : seed);
  for (int batch = 0; batch < 3; batch++) {
    Batch entries = random_batch(random, latents, counts[random() % 5]);
    plain(entries, latents, bins, expected);
    sorted = emulated(entries, latents, bins, actual) && sorted;
  }
  bool right = sorted && expected == actual;
  if (!right) {
    std::printf("WRONG seed %llu: latents %d\n", static_cast<unsigned long long>(seed), latents);
  }
  return right;
}

}  // namespace

int main() {
  int wrong = 0;
  for (uint64_t seed = 1; seed <= 30; seed++) {
    wrong += !run_case(seed);
  }
  std::printf("%s\n", wrong == 0 ? "ok" : "failed");
  return wrong == 0 ? 0 : 1;
}
