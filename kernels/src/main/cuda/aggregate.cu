// SPDX-License-Identifier: Apache-2.0
#include "hw.h"

/*
 * Statistics of each latent over a batch's entries, as io.saeflow.kernels.aggregate.LatentStatistics
 * defines them to the bit: within a sequence in float64, by position; across sequences as exact
 * integers, which may be added in any order.
 *
 * keys       i32 [count]: latents from the first of the range, sorted
 * entries    i32 [count]: for each key, which of the batch's entries is its, ascending for one key
 * offsets    i32 [tokens + 1]: token t has the batch's entries [offsets[t], offsets[t + 1])
 * values     f32 [count]: in the order of the keys, but of token_entries in that of the batch
 * tokens     i32 [count]: in the order of the keys
 * starts     i32 [latents + 1]: latent f's keys are [starts[f], starts[f + 1])
 * totals     LatentTotals [latents], to which latent_totals adds; zeros at first
 *
 * Launch: latent_starts a thread for each of latents + 1, token_entries and latent_totals a thread
 * for each of count, in blocks of whole warps; no shared memory.
 */

constexpr int kPowers = 4;

/** What a sum below 2^127 in magnitude, as a multiple of 2^-96, is cut into: 32 bits each. */
constexpr int kLimbs = 7;
constexpr int kLimbBits = 32;

constexpr int kNearBins = 128;

/**
 * Of one latent since the host last read it, which it does before 2^31 entries are added.
 *
 * limbs          [p - 1][i]: the sum of all sequences' sums of v^p is that of limbs[i] 2^(32 i - 96)
 *                in two's complement; every entry adds less than 2^32 in magnitude to each limb, so
 *                that none overflows
 * active         how many values are above zero
 * largest        the bits of the largest of them as a float, which are ordered as floats are
 * out_of_range   bit p - 1 is set where a sequence's sum of v^p is NaN, or 2^127 or more
 * sequences      how many sequences have entries
 * near           [b - 1]: how many of the values above zero have ceil(v / 0.2f) = b in float32
 */
struct LatentTotals {
  unsigned long long limbs[kPowers][kLimbs];
  unsigned active;
  unsigned largest;
  unsigned out_of_range;
  unsigned sequences;
  unsigned near[kNearBins];
};
static_assert(sizeof(LatentTotals) == 752);

KERNEL void latent_starts(
    const int* __restrict__ keys, int count, int latents, int* __restrict__ starts) {
  int latent = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (latent > latents) {
    return;
  }
  int from = 0;
  int to = count;
  while (from < to) {
    int middle = from + (to - from) / 2;
    if (keys[middle] < latent) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  starts[latent] = from;
}
REGISTER_KERNEL(latent_starts);

/** Finds the token of each entry, and puts tokens and values in the order of the keys. */
KERNEL void token_entries(
    const int* __restrict__ entries,
    int count,
    const int* __restrict__ offsets,
    int token_count,
    const float* __restrict__ values,
    int* __restrict__ to_tokens,
    float* __restrict__ to_values) {
  int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) {
    return;
  }
  int entry = entries[i];
  // The last token that begins at the entry or before: those without entries begin with the next.
  int token = 0;
  int to = token_count;
  while (to - token > 1) {
    int middle = token + (to - token) / 2;
    if (offsets[middle] <= entry) {
      token = middle;
    } else {
      to = middle;
    }
  }
  to_tokens[i] = token;
  to_values[i] = values[entry];
}
REGISTER_KERNEL(token_entries);

/**
 * Adds value, rounded to a multiple of 2^-96, half away from zero. False if it is NaN or 2^127 or
 * more in magnitude; it is not added then.
 */
DEV bool add_fixed_point(unsigned long long* limbs, double value) {
  constexpr int kMantissaBits = 52;
  constexpr int kFractionBits = 96;
  uint64_t bits = double_bits(value);
  int exponent = static_cast<int>(bits >> kMantissaBits) & 0x7ff;
  if (exponent >= 1023 + 127) {
    return false;
  }
  if (exponent == 0) {
    return true;  // zero, or below 2^-1022
  }
  constexpr uint64_t kLeadingBit = uint64_t{1} << kMantissaBits;
  uint64_t mantissa = (bits & (kLeadingBit - 1)) | kLeadingBit;
  int shift = exponent - (1023 + kMantissaBits) + kFractionBits;
  if (shift < 0) {
    int dropped = -shift;
    mantissa = dropped > kMantissaBits + 1
        ? 0
        : (mantissa + (uint64_t{1} << (dropped - 1))) >> dropped;
    shift = 0;
  }
  bool negative = bits >> 63 != 0;
  unsigned long long* limb = limbs + shift / kLimbBits;
  // What is left of the mantissa, from the limb's bit on: the limb takes what fits.
  int room = kLimbBits - shift % kLimbBits;
  uint64_t part = (mantissa << (kLimbBits - room)) & 0xffffffffu;
  mantissa >>= room;
  while (true) {
    if (part != 0) {
      atomicAdd(limb, static_cast<unsigned long long>(negative ? 0 - part : part));
    }
    if (mantissa == 0) {
      return true;
    }
    limb++;
    part = mantissa & 0xffffffffu;
    mantissa >>= kLimbBits;
  }
}

/**
 * The thread of a latent's first entry in a sequence adds up all that it has there; each thread
 * counts its own entry's bin. No powers are contracted: v^2 = v v, v^3 = v^2 v, v^4 = v^2 v^2.
 */
KERNEL void latent_totals(
    const int* __restrict__ keys,
    const int* __restrict__ tokens,
    const float* __restrict__ values,
    int count,
    int context_length,
    LatentTotals* __restrict__ totals) {
  int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= count) {
    return;
  }
  int key = keys[at];
  LatentTotals* latent = totals + key;
  if (values[at] > 0.0f) {
    float bin = ceilf(div_rn(values[at], 0.2f));
    if (bin <= static_cast<float>(kNearBins)) {
      atomicAdd(&latent->near[static_cast<int>(bin) - 1], 1u);
    }
  }
  int sequence = tokens[at] / context_length * context_length;
  if (at > 0 && keys[at - 1] == key && tokens[at - 1] >= sequence) {
    return;
  }
  int next_sequence = sequence + context_length;
  double power[kPowers] = {0.0, 0.0, 0.0, 0.0};
  unsigned active = 0;
  float largest = 0.0f;
  for (int i = at; i < count && keys[i] == key && tokens[i] < next_sequence; i++) {
    double v = static_cast<double>(values[i]);
    double square = dmul_rn(v, v);
    power[0] = dadd_rn(power[0], v);
    power[1] = dadd_rn(power[1], square);
    power[2] = dadd_rn(power[2], dmul_rn(square, v));
    power[3] = dadd_rn(power[3], dmul_rn(square, square));
    if (values[i] > 0.0f) {
      active++;
      largest = fmaxf(largest, values[i]);
    }
  }
  unsigned out_of_range = 0;
  for (int p = 0; p < kPowers; p++) {
    if (!add_fixed_point(latent->limbs[p], power[p])) {
      out_of_range |= 1u << p;
    }
  }
  if (out_of_range != 0) {
    atomicOr(&latent->out_of_range, out_of_range);
  }
  atomicAdd(&latent->sequences, 1u);
  atomicAdd(&latent->active, active);
  atomicMax(&latent->largest, float_bits(largest));
}
REGISTER_KERNEL(latent_totals);
