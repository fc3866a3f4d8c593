// SPDX-License-Identifier: Apache-2.0
//
// Runs the encoder's kernels and compares to the bit: with the golden files, and on random
// autoencoders with the plain definition, which is every latent's canonical pre-activation and
// sorting.
//
// encoder_test [first seed] [cases] [folder of the golden files]. Every second case also shuffles
// the emulation's schedule.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "device.h"
#include "encoder.h"
#include "seeds.h"

namespace {

enum Function { kTopK, kRelu, kJumpRelu };
enum Format { kFloat32, kFloat16, kBfloat16 };

enum Numbers {
  kGaussian,
  kDuplicates,    // every latent occurs three times: exact ties
  kPermutations,  // all pre-activations equal but for rounding
  kIntegers,      // exact sums, many ties and zeros
  kOutliers,      // two dimensions are 10^4 times the others
  kExtremeLatent,  // one latent is too large for bounds; some rows are zero
  kTiny,
  kHuge,  // sums overflow now and then
  kZeroRows,
  kNegative,
  kNonFinite,
  kNumbers
};

struct Autoencoder {
  int width;
  int latents;
  bool layer_norm;
  std::vector<float> input_bias;
  std::vector<float> weights;
  std::vector<float> bias;
  Function function;
  int k;
  std::vector<float> thresholds;
};

/** A token's latents by ascending index; not finite, or these. */
struct TokenLatents {
  bool finite = true;
  std::vector<int> latents;
  std::vector<float> values;

  bool operator==(const TokenLatents& other) const {
    return finite == other.finite && latents == other.latents &&
        values.size() == other.values.size() &&
        std::equal(values.begin(), values.end(), other.values.begin(), [](float a, float b) {
             return float_bits(a) == float_bits(b);
           });
  }
};

// ---- The definition.

float plain_dot32(const float* x, const float* w, int width) {
  float sums[32] = {};
  for (int j = 0; j < width; j++) {
    sums[j % 32] = std::fma(x[j], w[j], sums[j % 32]);
  }
  for (int half = 16; half >= 1; half /= 2) {
    for (int l = 0; l < half; l++) {
      sums[l] = sums[l] + sums[l + half];
    }
  }
  return sums[0];
}

/** The canonical row, or false. */
bool plain_row(const Autoencoder& sae, const float* x, float* z) {
  int width = sae.width;
  if (!std::all_of(x, x + width, [](float v) { return std::isfinite(v); })) {
    return false;
  }
  std::copy(x, x + width, z);
  if (sae.layer_norm) {
    double sum = 0;
    for (int j = 0; j < width; j++) {
      sum += z[j];
    }
    float mean = static_cast<float>(sum / width);
    double centered = 0;
    for (int j = 0; j < width; j++) {
      z[j] -= mean;
      centered += z[j];
    }
    double squares = 0;
    for (int j = 0; j < width; j++) {
      double deviation = z[j] - centered / width;
      squares += deviation * deviation;
    }
    float scale = static_cast<float>(std::sqrt(squares / (width - 1))) + 1e-5f;
    if (!std::isfinite(scale)) {
      return false;
    }
    for (int j = 0; j < width; j++) {
      z[j] /= scale;
    }
  }
  for (int j = 0; j < width; j++) {
    z[j] -= sae.input_bias[j];
  }
  return std::all_of(z, z + width, [](float v) { return std::isfinite(v); });
}

TokenLatents active_of(const Autoencoder& sae, const std::vector<float>& pre) {
  TokenLatents result;
  std::vector<int> order(pre.size());
  for (size_t i = 0; i < pre.size(); i++) {
    order[i] = static_cast<int>(i);
    if (!std::isfinite(pre[i])) {
      result.finite = false;
      return result;
    }
  }
  if (sae.function == kTopK) {
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return pre[a] > pre[b]; });
    order.resize(sae.k);
    std::sort(order.begin(), order.end());
  }
  for (int i : order) {
    if (pre[i] > 0 && (sae.function != kJumpRelu || pre[i] > sae.thresholds[i])) {
      result.latents.push_back(i);
      result.values.push_back(pre[i]);
    }
  }
  return result;
}

TokenLatents plain_encode(const Autoencoder& sae, const float* x) {
  std::vector<float> z(sae.width);
  if (!plain_row(sae, x, z.data())) {
    TokenLatents none;
    none.finite = false;
    return none;
  }
  std::vector<float> pre(sae.latents);
  for (int i = 0; i < sae.latents; i++) {
    float dot = plain_dot32(z.data(), &sae.weights[static_cast<size_t>(i) * sae.width], sae.width);
    pre[i] = dot + sae.bias[i] + 0.0f;
  }
  return active_of(sae, pre);
}

// ---- The kernels.

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

unsigned blocks(int warps, int warps_per_block) {
  return static_cast<unsigned>((warps + warps_per_block - 1) / warps_per_block);
}

float rounded_up(double value) {
  float nearest = static_cast<float>(value);
  return nearest < value ? std::nextafter(nearest, INFINITY) : nearest;
}

struct Outcome {
  std::vector<TokenLatents> tokens;
  int exact = 0;
  int rescored = 0;
  /** The largest error of a nominated score, as a part of its bound; above 1 it is no bound. */
  double worst_error = 0;
};

class KernelEncoder {
 public:
  KernelEncoder(const Autoencoder& sae, int capacity, int sample)
      : sae_(sae),
        capacity_(capacity),
        columns_(round_up(sae.width, 64)),
        padded_latents_(round_up(sae.latents, 128)),
        sample_(std::min(sample, padded_latents_)),
        input_bias_(sae.input_bias),
        weights_(sae.weights),
        bias_(sae.bias),
        thresholds_(sae.thresholds),
        halves_(static_cast<size_t>(padded_latents_) * columns_),
        bounds_(padded_latents_),
        minus_lower_(padded_latents_) {
    double roundings = ((sae.width + 31) / 32 + 6) * std::ldexp(1, -24);
    row_error_ = rounded_up(roundings / (1 - roundings));
    device::run(
        "prepare_latents", {blocks(padded_latents_, 4)}, {128}, 0, weights_.data(), bias_.data(),
        thresholds(), sae.latents, padded_latents_, sae.width, columns_,
        std::ldexp(static_cast<float>(columns_), -22), row_error_,
        std::ldexp(static_cast<float>(sae.width + 64), -149), halves_.data(), bounds_.data(),
        minus_lower_.data());
  }

  Outcome encode(const std::vector<float>& activations, Format format) {
    int width = sae_.width;
    int tokens = static_cast<int>(activations.size()) / width;
    int padded = round_up(std::max(tokens, 1), 128);
    device::Memory<float> rows(static_cast<size_t>(padded) * width);
    device::Memory<f16> halves(static_cast<size_t>(padded) * columns_);
    device::Memory<TokenBound> token_bounds(padded);
    device::Memory<int> roads(padded);
    prepare(activations, format, tokens, padded, rows, halves, token_bounds, roads);

    constexpr size_t kRing = 4 * 2 * 128 * 32 * sizeof(f16);
    unsigned token_tiles = static_cast<unsigned>(padded / 128);
    int k = sae_.function == kTopK ? sae_.k : 0;
    int groups = sample_ / 16;
    if (k > 0 && groups >= k) {
      device::Memory<float> maxima(static_cast<size_t>(padded) * groups);
      device::run(
          "group_max", {token_tiles, static_cast<unsigned>(sample_ / 128)}, {256}, kRing,
          halves.data(), halves_.data(), columns_, token_bounds.data(), bounds_.data(),
          minus_lower_.data(), maxima.data());
      device::run(
          "group_threshold", {static_cast<unsigned>(padded)}, {128}, 4u * groups, maxima.data(),
          groups, k, token_bounds.data());
    }
    device::Memory counts(std::vector<int>(padded, 0));
    device::Memory<Candidate> candidates(static_cast<size_t>(padded) * capacity_);
    device::run(
        "nominate", {token_tiles, static_cast<unsigned>(padded_latents_ / 128)}, {256}, kRing,
        halves.data(), halves_.data(), columns_, token_bounds.data(), bounds_.data(), capacity_,
        counts.data(), candidates.data());
    Outcome outcome;
    outcome.worst_error = worst_error(
        rows.values(), token_bounds.values(), roads.values(), counts.values(), candidates.values(),
        tokens);
    if (tokens == 0) {
      return outcome;
    }
    device::Memory rescored(std::vector<int>{0});
    device::run(
        "select_active", {static_cast<unsigned>(tokens)}, {128}, 12u * capacity_, rows.data(),
        weights_.data(), bias_.data(), thresholds(), width, token_bounds.data(), bounds_.data(),
        minus_lower_.data(), k, capacity_, candidates.data(), counts.data(), roads.data(),
        rescored.data());
    outcome.rescored = rescored.values()[0];
    device::Memory<int> device_offsets(tokens + 1);
    device::run("token_offsets", {1}, {256}, 0, counts.data(), tokens, device_offsets.data());
    std::vector<int> offsets = device_offsets.values();
    device::Memory<int> device_latents(offsets[tokens]);
    device::Memory<float> device_values(offsets[tokens]);
    device::run(
        "pack_latents", {blocks(tokens, 4)}, {128}, 0, candidates.data(), device_offsets.data(),
        tokens, capacity_, device_latents.data(), device_values.data());
    std::vector<int> latents = device_latents.values();
    std::vector<float> values = device_values.values();
    std::vector<int> taken = roads.values();
    for (int t = 0; t < tokens; t++) {
      TokenLatents token;
      if (taken[t] == kExact) {
        token = exact(rows, t);
        outcome.exact++;
      } else {
        token.finite = taken[t] == kScored;
        token.latents.assign(latents.begin() + offsets[t], latents.begin() + offsets[t + 1]);
        token.values.assign(values.begin() + offsets[t], values.begin() + offsets[t + 1]);
      }
      outcome.tokens.push_back(token);
    }
    return outcome;
  }

 private:
  void prepare(
      const std::vector<float>& activations,
      Format format,
      int tokens,
      int padded,
      device::Memory<float>& rows,
      device::Memory<f16>& halves,
      device::Memory<TokenBound>& token_bounds,
      device::Memory<int>& roads) {
    std::vector<uint16_t> narrow;
    for (float value : activations) {
      narrow.push_back(
          format == kFloat16 ? f2h(value) : static_cast<uint16_t>(float_bits(value) >> 16));
    }
    device::Memory device_activations(activations);
    device::Memory device_narrow(narrow);
    const char* names[] = {"prepare_rows_f32", "prepare_rows_f16", "prepare_rows_bf16"};
    const void* input = format == kFloat32 ? static_cast<const void*>(device_activations.data())
                                           : static_cast<const void*>(device_narrow.data());
    device::run(
        names[format], {blocks(padded, 4)}, {128}, 0, input, input_bias_.data(),
        sae_.layer_norm ? 1 : 0, tokens, padded, sae_.width, columns_, row_error_, rows.data(),
        halves.data(), token_bounds.data(), roads.data());
  }

  TokenLatents exact(const device::Memory<float>& rows, int token) {
    device::Memory listed(std::vector<int>{token});
    device::Memory<float> pre(sae_.latents);
    device::run(
        "dense_canon", {blocks(sae_.latents, 4)}, {128}, 0, rows.data(), weights_.data(),
        bias_.data(), listed.data(), 1, sae_.width, 0, sae_.latents, pre.data());
    return active_of(sae_, pre.values());
  }

  double worst_error(
      const std::vector<float>& rows,
      const std::vector<TokenBound>& token_bounds,
      const std::vector<int>& roads,
      const std::vector<int>& counts,
      const std::vector<Candidate>& candidates,
      int tokens) const {
    std::vector<LatentBound> bounds = bounds_.values();
    std::vector<float> minus_lower = minus_lower_.values();
    double worst = 0;
    for (int t = 0; t < tokens; t++) {
      const TokenBound& token = token_bounds[t];
      for (int c = 0; c < std::min(counts[t], capacity_) && roads[t] == kScored; c++) {
        const Candidate& candidate = candidates[static_cast<size_t>(t) * capacity_ + c];
        const LatentBound& latent = bounds[candidate.latent];
        float b = sae_.bias[candidate.latent];
        double rest = static_cast<double>(minus_lower[candidate.latent]) + b;
        double score = static_cast<double>(bits_float(candidate.value)) * latent.scale + b;
        const float* w = &sae_.weights[static_cast<size_t>(candidate.latent) * sae_.width];
        float pre = plain_dot32(&rows[static_cast<size_t>(t) * sae_.width], w, sae_.width) + b;
        double bound = static_cast<double>(token.kept) * latent.per_kept +
            static_cast<double>(token.lost) * latent.per_lost + rest;
        if (std::isfinite(pre) && std::isfinite(bound)) {
          // Above 1 by the rounding of rest, b and score, at most.
          worst = std::max(worst, std::fabs(score - pre) / (bound + std::fabs(b) * 0x1p-23));
        }
      }
    }
    return worst;
  }

  const float* thresholds() const {
    return sae_.function == kJumpRelu ? thresholds_.data() : nullptr;
  }

  const Autoencoder& sae_;
  int capacity_;
  int columns_;
  int padded_latents_;
  int sample_;
  float row_error_;
  device::Memory<float> input_bias_;
  device::Memory<float> weights_;
  device::Memory<float> bias_;
  device::Memory<float> thresholds_;
  device::Memory<f16> halves_;
  device::Memory<LatentBound> bounds_;
  device::Memory<float> minus_lower_;
};

// ---- Cases.

class Chance {
 public:
  explicit Chance(uint64_t seed) : engine_(seed) {}

  int below(int bound) { return static_cast<int>(engine_() % static_cast<uint64_t>(bound)); }

  bool one_in(int count) { return below(count) == 0; }

  float normal() { return gaussian_(engine_); }

  template <class T>
  T of(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<int>(values.size()))];
  }

  std::vector<float> normals(size_t count, float scale) {
    std::vector<float> values(count);
    for (float& value : values) {
      value = normal() * scale;
    }
    return values;
  }

 private:
  std::mt19937_64 engine_;
  std::normal_distribution<float> gaussian_;
};

std::vector<float> activations_of(Chance& chance, Numbers numbers, int tokens, int width) {
  std::vector<float> x = chance.normals(static_cast<size_t>(tokens) * width, 1);
  for (size_t i = 0; i < x.size(); i++) {
    int token = static_cast<int>(i) / width;
    int dimension = static_cast<int>(i) % width;
    switch (numbers) {
      case kPermutations: x[i] = 0.7f + token; break;
      case kIntegers: x[i] = chance.below(5) - 2; break;
      case kExtremeLatent: x[i] *= token % 3 == 1 ? 0.0f : 1.0f; break;
      case kOutliers: x[i] *= dimension < 2 ? 1e4f : 1; break;
      case kTiny: x[i] *= 0x1p-70f; break;
      case kHuge: x[i] *= token % 2 == 0 ? 0x1p62f : 0x1p57f; break;
      case kZeroRows: x[i] = token % 2 == 0 ? 0.0f : -0.0f; break;
      case kNegative: x[i] = std::fabs(x[i]); break;
      case kNonFinite:
        if (chance.one_in(100)) {
          x[i] = chance.one_in(2) ? NAN : -INFINITY;
        }
        break;
      default: break;
    }
  }
  return x;
}

Autoencoder autoencoder_of(Chance& chance, Numbers numbers, int width, int latents) {
  Autoencoder sae;
  sae.width = width;
  sae.latents = latents;
  sae.layer_norm = width > 1 && chance.one_in(3);
  bool plain = numbers == kIntegers || numbers == kPermutations || chance.one_in(2);
  sae.input_bias = chance.normals(width, plain ? 0.0f : numbers == kTiny ? 0x1p-80f : 0.1f);
  sae.weights = chance.normals(static_cast<size_t>(latents) * width, 1);
  sae.bias = chance.normals(latents, numbers == kTiny ? 0x1p-140f : 0.3f);
  std::vector<float>& w = sae.weights;
  for (int i = 0; i < latents; i++) {
    for (int j = 0; j < width; j++) {
      float& value = w[static_cast<size_t>(i) * width + j];
      switch (numbers) {
        case kDuplicates: value = w[static_cast<size_t>(i - i % 3) * width + j]; break;
        case kPermutations: value = w[(i + j) % width]; break;
        case kIntegers: value = chance.below(3) - 1; break;
        case kExtremeLatent:
          if (i == latents / 2) {
            value = std::copysign(latents % 2 == 0 ? 0x1p127f : 0x1p61f, value);
          }
          break;
        case kTiny: value *= 0x1p-70f; break;
        case kHuge: value *= 0x1p62f; break;
        case kNegative: value = -std::fabs(value); break;
        default: break;
      }
    }
    switch (numbers) {
      case kDuplicates: sae.bias[i] = sae.bias[i - i % 3]; break;
      case kPermutations: sae.bias[i] = sae.bias[0]; break;
      case kIntegers: sae.bias[i] = 0; break;
      case kNegative: sae.bias[i] = 0; break;
      default: break;
    }
  }
  sae.function = chance.of({kTopK, kTopK, kRelu, kJumpRelu});
  sae.k = 1 + chance.below(std::min(latents, chance.of({2, 16, 64, 256})));
  return sae;
}

/** Half of them are a token's own pre-activations or just below, where "above" and "equal" part. */
void set_thresholds(Chance& chance, Autoencoder& sae, const std::vector<float>& activations) {
  sae.thresholds = chance.normals(sae.latents, 1);
  std::vector<float> z(sae.width);
  if (activations.empty() || !plain_row(sae, activations.data(), z.data())) {
    return;
  }
  for (int i = 0; i < sae.latents; i++) {
    float dot = plain_dot32(z.data(), &sae.weights[static_cast<size_t>(i) * sae.width], sae.width);
    float pre = dot + sae.bias[i] + 0.0f;
    if (std::isfinite(pre) && chance.one_in(2)) {
      sae.thresholds[i] = chance.one_in(2) ? pre : std::nextafter(pre, -INFINITY);
    }
  }
}

/** What the narrow format holds, exactly. */
void narrow(std::vector<float>& values, Format format) {
  for (float& value : values) {
    if (format == kFloat16) {
      value = h2f(f2h(value));
    } else if (format == kBfloat16) {
      value = bits_float(float_bits(value) & 0xffff0000u);
    }
  }
}

bool run_case(uint64_t seed) {
  Chance chance(seed);
  Numbers numbers = static_cast<Numbers>(chance.below(kNumbers));
  int width = chance.of({1, 5, 31, 32, 33, 64, 65, 100, 130});
  int latents = chance.of({1, 7, 64, 128, 129, 257, 500, 1000});
  int tokens = chance.of({1, 2, 3, 5, 17, 33, 127, 128, 130});
  if (tokens > 40 && latents * width > 40000) {
    tokens = 9;
  }
  Format format = chance.of({kFloat32, kFloat32, kFloat16, kBfloat16});
  int capacity = chance.of({8, 64, 256, 1024});
  int sample = chance.of({128, 512, 1024});
  std::vector<float> activations = activations_of(chance, numbers, tokens, width);
  narrow(activations, format);
  Autoencoder sae = autoencoder_of(chance, numbers, width, latents);
  set_thresholds(chance, sae, activations);
  device::set_seed(seed % 2 == 0 ? 0 : seed);
  Outcome outcome = KernelEncoder(sae, capacity, sample).encode(activations, format);
  int wrong = 0;
  for (int t = 0; t < tokens; t++) {
    TokenLatents expected = plain_encode(sae, &activations[static_cast<size_t>(t) * width]);
    wrong += !(outcome.tokens[t] == expected);
  }
  bool right = wrong == 0 && outcome.worst_error <= 1;
  std::printf(
      "%s seed %llu: numbers %d function %d k %d width %d latents %d tokens %d format %d "
      "layer norm %d capacity %d sample %d: %d tokens wrong, %d exact, %.1f rescored a token, "
      "error / bound %.3f\n",
      right ? "ok" : "WRONG", static_cast<unsigned long long>(seed), numbers, sae.function, sae.k,
      width, latents, tokens, format, sae.layer_norm, capacity, sample, wrong, outcome.exact,
      static_cast<double>(outcome.rescored) / tokens, outcome.worst_error);
  return right;
}

// ---- Golden files; src/test/golden/golden.py states their layout.

class Words {
 public:
  explicit Words(const std::filesystem::path& path) : words_(std::filesystem::file_size(path) / 4) {
    std::ifstream in(path, std::ios::binary);
    in.read(reinterpret_cast<char*>(words_.data()), static_cast<std::streamsize>(words_.size() * 4));
  }

  template <class T>
  std::vector<T> take(size_t count) {
    std::vector<T> values;
    for (size_t i = 0; i < count; i++) {
      values.push_back(emu::bits_as<T>(words_.at(at_++)));
    }
    return values;
  }

  bool ended() const { return at_ == words_.size(); }

 private:
  std::vector<uint32_t> words_;
  size_t at_ = 0;
};

bool run_golden(const std::filesystem::path& path, uint64_t seed) {
  Words words(path);
  std::vector<int> header = words.take<int>(9);
  size_t width = header[4];
  size_t latents = header[5];
  size_t tokens = header[6];
  Autoencoder sae;
  sae.layer_norm = header[1] != 0;
  sae.function = static_cast<Function>(header[2]);
  sae.k = header[3];
  sae.width = header[4];
  sae.latents = header[5];
  sae.input_bias = words.take<float>(width);
  sae.weights = words.take<float>(latents * width);
  sae.bias = words.take<float>(latents);
  sae.thresholds = words.take<float>(latents);
  std::vector<float> activations = words.take<float>(tokens * width);
  std::vector<int> offsets = words.take<int>(tokens + 1);
  std::vector<int> expected_latents = words.take<int>(header[8]);
  std::vector<float> expected_values = words.take<float>(header[8]);
  device::set_seed(seed);
  Outcome outcome = KernelEncoder(sae, 256, 128).encode(activations, kFloat32);
  bool right = header[0] == 0x5AEF0001 && words.ended();
  int non_finite = 0;
  for (size_t t = 0; t < tokens; t++) {
    TokenLatents expected;
    expected.finite = outcome.tokens[t].finite;
    expected.latents.assign(
        expected_latents.begin() + offsets[t], expected_latents.begin() + offsets[t + 1]);
    expected.values.assign(
        expected_values.begin() + offsets[t], expected_values.begin() + offsets[t + 1]);
    right = right && outcome.tokens[t] == expected;
    non_finite += !outcome.tokens[t].finite;
  }
  right = right && non_finite == header[7];
  std::printf("%s %s\n", right ? "ok" : "WRONG", path.filename().c_str());
  return right;
}

}  // namespace

int main(int count, char** arguments) {
  Seeds seeds(count, arguments, 1, 20);
  std::filesystem::path golden =
      count > 3 ? std::filesystem::path(arguments[3])
                : std::filesystem::path(__FILE__).parent_path() / "../resources/golden";
  int wrong = 0;
  for (const auto& file : std::filesystem::directory_iterator(golden)) {
    wrong += !run_golden(file.path(), 0) + !run_golden(file.path(), seeds.first);
  }
  for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
    wrong += !run_case(seed);
  }
  std::printf("%s\n", wrong == 0 ? "ok" : "failed");
  return wrong == 0 ? 0 : 1;
}
