// SPDX-License-Identifier: Apache-2.0
//
// Decoding against plain loops in the order that decode.cu states, bit for bit but for the bits of
// a NaN.
//
// decode_test [first seed] [cases]
#include <algorithm>
#include <cstdio>
#include <random>

#include "device.h"
#include "seeds.h"

namespace {

enum Kind { kGaussian, kHuge, kTiny, kNotFinite, kZeros, kDeadLatents, kKinds };

struct Case {
  Kind kind;
  int layer_norm;
  int tokens;
  int width;
  int latents;
  int most_entries;
};

struct Drawn {
  std::vector<float> activations;
  std::vector<int> offsets;
  std::vector<int> latents;
  std::vector<float> values;
  std::vector<float> weights;
  std::vector<float> bias;
};

struct Decoded {
  std::vector<float> reconstruction;
  std::vector<double> errors;
};

std::vector<float> draw(std::mt19937& random, size_t count, float scale) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) {
    value = normal(random) * scale;
  }
  return values;
}

Drawn draw(std::mt19937& random, const Case& c) {
  float scale = c.kind == kHuge ? 0x1p63f : c.kind == kTiny ? 0x1p-70f : 1.0f;
  size_t size = static_cast<size_t>(c.tokens) * c.width;
  Drawn drawn;
  drawn.activations = draw(random, size, scale);
  drawn.weights = draw(random, static_cast<size_t>(c.latents) * c.width, scale);
  drawn.bias = draw(random, c.width, scale);
  drawn.offsets.push_back(0);
  for (int t = 0; t < c.tokens; t++) {
    // Every third token has no latents.
    int entries = t % 3 == 1 ? 0 : static_cast<int>(random() % (c.most_entries + 1));
    std::vector<int> chosen;
    for (int e = 0; e < entries; e++) {
      chosen.push_back(static_cast<int>(random() % c.latents));
    }
    std::sort(chosen.begin(), chosen.end());
    drawn.latents.insert(drawn.latents.end(), chosen.begin(), chosen.end());
    drawn.offsets.push_back(static_cast<int>(drawn.latents.size()));
  }
  drawn.values = draw(random, drawn.latents.size(), scale);
  if (c.kind == kNotFinite) {
    for (float& x : drawn.activations) {
      x = random() % 100 == 0 ? NAN : random() % 100 == 0 ? -INFINITY : x;
    }
  }
  if (c.kind == kZeros) {
    std::fill_n(drawn.activations.begin(), std::min<size_t>(size, 2 * c.width), 0.0f);
  }
  if (c.kind == kDeadLatents) {
    std::fill_n(drawn.weights.begin(), c.width, NAN);
  }
  return drawn;
}

float dot(const std::vector<float>& x) {
  float chains[32] = {};
  for (size_t j = 0; j < x.size(); j++) {
    chains[j % 32] = std::fma(x[j], x[j], chains[j % 32]);
  }
  for (int o = 16; o >= 1; o /= 2) {
    for (int l = 0; l < o; l++) {
      chains[l] += chains[l + o];
    }
  }
  return chains[0];
}

Decoded plain(const Case& c, const Drawn& drawn) {
  Decoded decoded;
  for (int t = 0; t < c.tokens; t++) {
    const float* x = &drawn.activations[static_cast<size_t>(t) * c.width];
    std::vector<float> y(c.width, 0.0f);
    for (int e = drawn.offsets[t]; e < drawn.offsets[t + 1]; e++) {
      for (int j = 0; j < c.width; j++) {
        size_t at = static_cast<size_t>(drawn.latents[e]) * c.width + j;
        y[j] = std::fma(drawn.values[e], drawn.weights[at], y[j]);
      }
    }
    for (int j = 0; j < c.width; j++) {
      y[j] += drawn.bias[j];
    }
    if (c.layer_norm != 0) {
      double sum = 0;
      for (int j = 0; j < c.width; j++) {
        sum += x[j];
      }
      float mean = static_cast<float>(sum / c.width);
      sum = 0;
      for (int j = 0; j < c.width; j++) {
        sum += x[j] - mean;
      }
      double squares = 0;
      for (int j = 0; j < c.width; j++) {
        double deviation = (x[j] - mean) - sum / c.width;
        squares += deviation * deviation;
      }
      float deviation = static_cast<float>(std::sqrt(squares / (c.width - 1)));
      for (int j = 0; j < c.width; j++) {
        y[j] = y[j] * deviation + mean;
      }
    }
    std::vector<float> differences;
    for (int j = 0; j < c.width; j++) {
      differences.push_back(y[j] - x[j]);
    }
    double error =
        static_cast<double>(dot(differences)) / dot(std::vector<float>(x, x + c.width));
    decoded.reconstruction.insert(decoded.reconstruction.end(), y.begin(), y.end());
    decoded.errors.push_back(std::isfinite(error) ? error : NAN);
  }
  return decoded;
}

/** Reconstructions take the place of activations, in one launch with the errors if both is set. */
Decoded decodes(const Case& c, const Drawn& drawn, unsigned threads, bool both) {
  device::Memory reconstruction(drawn.activations);
  device::Memory errors(std::vector<double>(c.tokens, -1));
  device::Memory offsets(drawn.offsets);
  device::Memory latents(drawn.latents);
  device::Memory values(drawn.values);
  device::Memory weights(drawn.weights);
  device::Memory bias(drawn.bias);
  unsigned warps = threads / 32;
  unsigned grid = (static_cast<unsigned>(c.tokens) + warps - 1) / warps;
  auto run = [&](float* to, double* errors_to) {
    device::run(
        "decode_tokens", {grid}, {threads}, 0, reconstruction.data(), offsets.data(),
        latents.data(), values.data(), weights.data(), bias.data(), c.layer_norm, c.tokens,
        c.width, to, errors_to);
  };
  if (!both) {
    run(nullptr, errors.data());
  }
  run(reconstruction.data(), both ? errors.data() : nullptr);
  return {reconstruction.values(), errors.values()};
}

template <class T>
bool same(const std::vector<T>& actual, const std::vector<T>& expected) {
  bool same = actual.size() == expected.size();
  for (size_t i = 0; same && i < actual.size(); i++) {
    same = std::isnan(expected[i])
        ? std::isnan(actual[i])
        : std::memcmp(&actual[i], &expected[i], sizeof(T)) == 0;
  }
  return same;
}

int pick(std::mt19937& random, const std::vector<int>& values) {
  return values[random() % values.size()];
}

bool run_case(uint64_t seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  Case c{
      static_cast<Kind>(seed % kKinds),
      static_cast<int>(random() % 2),
      pick(random, {1, 2, 3, 5, 9, 33}),
      pick(random, {1, 5, 31, 32, 33, 64, 100, 127, 128, 129, 300}),
      pick(random, {1, 2, 40, 300}),
      pick(random, {1, 3, 4, 32, 256})};
  Drawn drawn = draw(random, c);
  Decoded expected = plain(c, drawn);
  device::set_seed(seed % 3 == 0 ? 0 : seed);
  unsigned threads = 32 * (1 + random() % 4);
  Decoded actual = decodes(c, drawn, threads, seed % 2 == 0);
  bool right = same(actual.reconstruction, expected.reconstruction) &&
      same(actual.errors, expected.errors);
  if (!right) {
    std::printf(
        "WRONG seed %llu: kind %d, layer norm %d, %d tokens of %d\n",
        static_cast<unsigned long long>(seed), c.kind, c.layer_norm, c.tokens, c.width);
  }
  return right;
}

}  // namespace

int main(int count, char** arguments) {
  Seeds seeds(count, arguments, 1, 300);
  int wrong = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
    wrong += !run_case(seed);
  }
  std::printf("%s\n", wrong == 0 ? "ok" : "failed");
  return wrong == 0 ? 0 : 1;
}
