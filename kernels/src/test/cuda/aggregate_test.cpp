// SPDX-License-Identifier: Apache-2.0
//
// Sorts and aggregates random entries, and compares with std::stable_sort and with the definition
// in LatentStatistics written out once more, to the bit: here sums are added bit by bit.
//
// aggregate_test [first seed] [cases]
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <random>

#include "device.h"
#include "seeds.h"

namespace {

constexpr int kPowers = 4;
constexpr int kLimbs = 7;
constexpr int kNearBins = 128;

/** As in aggregate.cu. */
struct Totals {
  unsigned long long limbs[kPowers][kLimbs];
  unsigned active;
  unsigned largest;
  unsigned out_of_range;
  unsigned sequences;
  unsigned near[kNearBins];
};

/** A whole number of 256 bits in two's complement, the lowest first. */
using Whole = std::array<int, 256>;

/** Adds 2^bit, or takes it away. */
void add_bit(Whole& whole, int bit, bool negative) {
  for (int i = bit; i < 256; i++) {
    whole[i] ^= 1;
    // Adding goes on past ones, which became zeros; taking away past zeros.
    if (whole[i] == (negative ? 0 : 1)) {
      return;
    }
  }
}

/** Adds a whole number, or takes it away. */
void add_whole(Whole& whole, double addend, bool negative) {
  for (int bit = 0; addend > 0; bit++) {
    double half = std::floor(addend / 2);
    if (addend - 2 * half != 0) {
      add_bit(whole, bit, negative);
    }
    addend = half;
  }
}

struct Statistics {
  std::array<Whole, kPowers> sums{};
  unsigned out_of_range = 0;
  unsigned active = 0;
  float largest = 0;
  unsigned sequences = 0;
  std::array<unsigned, kNearBins> near{};

  void add(int power, double sum) {
    if (!(std::fabs(sum) < std::ldexp(1.0, 127))) {
      out_of_range |= 1u << power;
      return;
    }
    double scaled = std::ldexp(std::fabs(sum), 96);
    double whole = std::floor(scaled);
    if (scaled - whole >= 0.5) {
      whole += 1;
    }
    add_whole(sums[power], whole, sum < 0);
  }

  bool operator==(const Statistics&) const = default;
};

/** What the device's totals say, their limbs added up. */
Statistics statistics_of(const Totals& totals) {
  Statistics statistics;
  for (int p = 0; p < kPowers; p++) {
    for (int i = 0; i < kLimbs; i++) {
      int64_t limb = static_cast<int64_t>(totals.limbs[p][i]);
      uint64_t magnitude =
          limb < 0 ? 0 - static_cast<uint64_t>(limb) : static_cast<uint64_t>(limb);
      for (int bit = 0; bit < 64 && 32 * i + bit < 256; bit++) {
        if (magnitude >> bit & 1) {
          add_bit(statistics.sums[p], 32 * i + bit, limb < 0);
        }
      }
    }
  }
  statistics.out_of_range = totals.out_of_range;
  statistics.active = totals.active;
  std::memcpy(&statistics.largest, &totals.largest, sizeof(float));
  statistics.sequences = totals.sequences;
  std::copy(totals.near, totals.near + kNearBins, statistics.near.begin());
  return statistics;
}

struct Batch {
  int context_length = 1;
  std::vector<int> offsets{0};
  std::vector<int> latents;
  std::vector<float> values;
};

float random_value(std::mt19937& random) {
  std::normal_distribution<float> normal;
  switch (random() % 16) {
    case 0:
      return 0.0f;
    case 1:
      return 0.2f * static_cast<float>(random() % 200);
    case 2:
      return std::ldexp(normal(random), static_cast<int>(random() % 280) - 150);
    case 3: {
      const float extremes[] = {
          std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max(),
          std::numeric_limits<float>::denorm_min(), -0.0f, 25.6f, 25.7f,
          // Half of the unit of sums, and just below.
          -0x1p-97f, 0x1p-97f, 0x1.fffffep-98f};
      // NaN and infinities rarely, as they end a sum.
      return extremes[random() % 20 == 0 ? random() % 4 : 4 + random() % 7];
    }
    default:
      return normal(random) * 4 + 2;
  }
}

/** Sequences of tokens with some entries each; latent 0 is nearly everywhere. */
Batch random_batch(std::mt19937& random, int latents, int context_length, int sequences) {
  Batch batch;
  batch.context_length = context_length;
  for (int t = 0; t < context_length * sequences; t++) {
    int latent = random() % 8 == 0 ? 1 : 0;
    while (latent < latents && random() % 6 != 0) {
      batch.latents.push_back(latent);
      batch.values.push_back(random_value(random));
      latent += 1 + static_cast<int>(random() % (1 + latents / 4));
    }
    batch.offsets.push_back(static_cast<int>(batch.latents.size()));
  }
  return batch;
}

void plain(const Batch& batch, std::vector<Statistics>& into) {
  int tokens = static_cast<int>(batch.offsets.size()) - 1;
  for (int row = 0; row < tokens; row += batch.context_length) {
    for (size_t f = 0; f < into.size(); f++) {
      double sums[kPowers] = {};
      bool any = false;
      for (int e = batch.offsets[row]; e < batch.offsets[row + batch.context_length]; e++) {
        if (batch.latents[e] != static_cast<int>(f)) {
          continue;
        }
        any = true;
        float value = batch.values[e];
        double v = value;
        double square = v * v;
        sums[0] += v;
        sums[1] += square;
        sums[2] += square * v;
        sums[3] += square * square;
        if (value > 0) {
          into[f].active++;
          into[f].largest = std::max(into[f].largest, value);
          float bin = std::ceil(value / 0.2f);
          if (bin <= kNearBins) {
            into[f].near[static_cast<int>(bin) - 1]++;
          }
        }
      }
      for (int p = 0; p < kPowers && any; p++) {
        into[f].add(p, sums[p]);
      }
      into[f].sequences += any;
    }
  }
}

/** Runs the kernels; false if the entries are not regrouped as std::stable_sort does it. */
bool aggregates(const Batch& batch, int latents, device::Memory<Totals>& totals) {
  int count = static_cast<int>(batch.latents.size());
  if (count == 0) {
    return true;
  }
  unsigned sort_blocks = static_cast<unsigned>((count + 1023) / 1024);
  unsigned blocks = static_cast<unsigned>((count + 127) / 128);
  device::Memory device_keys(batch.latents);
  device::Memory<int> device_entries(count);
  device::Memory<int> to_keys(count);
  device::Memory<int> to_entries(count);
  for (int shift = 0; shift == 0 || (latents - 1) >> shift > 0; shift += 4) {
    device::Memory<int> places(16 * sort_blocks);
    device::run(
        "sort_count", {sort_blocks}, {128}, 0, device_keys.data(), count, shift, places.data());
    device::run("sort_places", {1}, {256}, 0, places.data(), static_cast<int>(16 * sort_blocks));
    device::run(
        "sort_scatter", {sort_blocks}, {128}, 0, device_keys.data(),
        shift == 0 ? nullptr : device_entries.data(), count, shift, places.data(), to_keys.data(),
        to_entries.data());
    std::swap(device_keys, to_keys);
    std::swap(device_entries, to_entries);
  }
  device::Memory<int> device_starts(latents + 1);
  unsigned start_blocks = static_cast<unsigned>(latents + 1 + 127) / 128;
  device::run(
      "latent_starts", {start_blocks}, {128}, 0, device_keys.data(), count, latents,
      device_starts.data());
  device::Memory offsets(batch.offsets);
  device::Memory batch_values(batch.values);
  device::Memory<int> device_tokens(count);
  device::Memory<float> device_values(count);
  device::run(
      "token_entries", {blocks}, {128}, 0, device_entries.data(), count, offsets.data(),
      static_cast<int>(batch.offsets.size()) - 1, batch_values.data(), device_tokens.data(),
      device_values.data());
  device::run(
      "latent_totals", {blocks}, {128}, 0, device_keys.data(), device_tokens.data(),
      device_values.data(), count, batch.context_length, totals.data());

  std::vector<int> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  std::stable_sort(expected.begin(), expected.end(), [&](int a, int b) {
    return batch.latents[a] < batch.latents[b];
  });
  std::vector<int> keys = device_keys.values();
  std::vector<int> starts = device_starts.values();
  std::vector<int> tokens = device_tokens.values();
  std::vector<float> values = device_values.values();
  bool right = device_entries.values() == expected;
  for (int i = 0; right && i < count; i++) {
    int entry = expected[i];
    right = keys[i] == batch.latents[entry] && starts[keys[i]] <= i && i < starts[keys[i] + 1] &&
        0 <= tokens[i] && tokens[i] + 1 < static_cast<int>(batch.offsets.size()) &&
        batch.offsets[tokens[i]] <= entry && entry < batch.offsets[tokens[i] + 1] &&
        std::memcmp(&values[i], &batch.values[entry], sizeof(float)) == 0;
  }
  return right && starts[0] == 0 && starts[latents] == count;
}

bool run_case(uint64_t seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  const int sizes[] = {1, 2, 17, 40, 300};
  const int lengths[] = {1, 2, 7, 64, 500};
  int latents = sizes[random() % 5];
  int context_length = lengths[random() % 5];
  std::vector<Statistics> expected(latents);
  device::Memory device_totals(std::vector<Totals>(latents, Totals{}));
  bool right = true;
  device::set_seed(seed % 3 == 0 ? 0 : seed);
  for (int batch = 0; batch < 3; batch++) {
    int sequences = static_cast<int>(random() % 4);
    Batch entries = random_batch(random, latents, context_length, sequences);
    plain(entries, expected);
    right = aggregates(entries, latents, device_totals) && right;
  }
  std::vector<Totals> totals = device_totals.values();
  for (int f = 0; f < latents; f++) {
    right = right && statistics_of(totals[f]) == expected[f];
  }
  if (!right) {
    std::printf(
        "WRONG seed %llu: latents %d, context length %d\n", static_cast<unsigned long long>(seed),
        latents, context_length);
  }
  return right;
}

}  // namespace

int main(int count, char** arguments) {
  Seeds seeds(count, arguments, 1, 60);
  int wrong = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
    wrong += !run_case(seed);
  }
  std::printf("%s\n", wrong == 0 ? "ok" : "failed");
  return wrong == 0 ? 0 : 1;
}
