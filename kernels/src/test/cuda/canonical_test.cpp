// SPDX-License-Identifier: Apache-2.0
//
// dense_canon against the definition written out once more, to the bit.
//
// canonical_test [first seed] [cases]
#include <cstdio>
#include <random>

#include "device.h"
#include "seeds.h"

namespace {

float canonical(const float* x, const float* w, int width, float bias) {
  float chains[32] = {};
  for (int j = 0; j < width; j++) {
    chains[j % 32] = std::fma(x[j], w[j], chains[j % 32]);
  }
  for (int o = 16; o >= 1; o /= 2) {
    for (int l = 0; l < o; l++) {
      chains[l] += chains[l + o];
    }
  }
  return chains[0] + bias + 0.0f;
}

/** How many values have other bits. */
int wrong_values(int width, int latents, int tokens, bool listed) {
  std::mt19937 random(width * 31 + latents);
  std::normal_distribution<float> normal;
  auto draw = [&](size_t count) {
    std::vector<float> values(count);
    for (float& value : values) {
      value = normal(random);
    }
    return values;
  };
  std::vector<float> x = draw(static_cast<size_t>(tokens) * width);
  std::vector<float> weights = draw(static_cast<size_t>(latents) * width);
  std::vector<float> bias = draw(latents);
  std::vector<int> rows;
  for (int t = 0; t < tokens; t++) {
    rows.push_back(listed ? tokens - 1 - t : t);
  }
  int first = latents / 3;
  int run = latents - first;
  device::Memory device_x(x);
  device::Memory device_weights(weights);
  device::Memory device_bias(bias);
  device::Memory device_rows(rows);
  device::Memory device_out(std::vector<float>(static_cast<size_t>(tokens) * run, NAN));
  unsigned pairs = static_cast<unsigned>(tokens * run);
  device::run(
      "dense_canon", {(pairs + 3) / 4}, {128}, 0, device_x.data(), device_weights.data(),
      device_bias.data(), listed ? device_rows.data() : nullptr, tokens, width, first, latents,
      device_out.data());
  std::vector<float> out = device_out.values();
  int wrong = 0;
  for (int t = 0; t < tokens; t++) {
    for (int f = first; f < latents; f++) {
      float expected =
          canonical(&x[static_cast<size_t>(rows[t]) * width],
                    &weights[static_cast<size_t>(f) * width], width, bias[f]);
      float actual = out[static_cast<size_t>(t) * run + f - first];
      wrong += float_bits(expected) != float_bits(actual);
    }
  }
  return wrong;
}

}  // namespace

int main(int count, char** arguments) {
  Seeds seeds(count, arguments, 0, 4);
  int wrong = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
    device::set_seed(seed);
    wrong += wrong_values(64, 40, 5, false);
    wrong += wrong_values(33, 7, 3, true);
    wrong += wrong_values(1, 3, 1, false);
  }
  std::printf("%s: %d values wrong\n", wrong == 0 ? "ok" : "failed", wrong);
  return wrong == 0 ? 0 : 1;
}
