// SPDX-License-Identifier: Apache-2.0
//
// What the encoder's kernels share: how tokens and latents are described, and the bound that makes
// the encoder's result exact.
//
// For a token's canonical row z, rounded to r = 2^-s f16(2^s z), and a latent's weights w, rounded
// to v = 2^-u f16(2^u w), with bias b; |.| is the Euclidean norm:
//
//   z.w - r.v = (z - r).w + r.(w - v)                            exactly, so by Cauchy-Schwarz
//   |z.w - r.v| <= |z - r| |w| + |r| |w - v|
//
// - The tensor cores' sum a of the scaled products: |a - 2^(s+u) r.v| <= c 2^(s+u) |r| |v| with
//   c = columns 2^-22. A step of K >= 4 products that is aligned with 23 fraction bits or more and
//   then truncated is off by at most (K + 2) 2^-23 of the largest magnitude: 1.5 columns 2^-23 in
//   all. This is the one assumption on the hardware, and audited on it. Products are multiples of
//   2^-48 and rows are shorter than 2^16, so that nothing overflows or underflows.
// - 2^-s a is exact but for underflow, below 2^-149.
// - The pre-activation, dot32 and the bias: with g = g(ceil(width / 32) + 6, 2^-24), g(m, u) =
//   m u / (1 - m u), it differs by at most g (|z| |w| + |b|) from z.w + b (Higham, Accuracy and
//   Stability of Numerical Algorithms, lemma 3.1), and by 2^-149 for each of at most width + 64
//   operations that may underflow.
//
// So, with kept = |r| and lost = |z - r| + g |z| of a token, and per_kept = |w - v| + c |v|, per_lost
// = |w| and rest = g |b| + (width + 64 + 2^-u) 2^-149 of a latent,
//
//   | pre - (2^-u (2^-s a) + b) | <= kept per_kept + lost per_lost + rest
//
// All of it is computed in float32 with every operation rounded outwards, so that rounding needs no
// term of its own.
#pragma once

#include "hw.h"

/** The smallest float above zero: a pre-activation that is active reaches it. */
DEV float min_positive() { return bits_float(1u); }

/**
 * Rows, weights and biases with norms up to here have finite pre-activations and partial sums, and
 * scores can be bounded.
 */
constexpr float kSafeMagnitude = 1152921504606846976.0f;  // 2^60

/** Of a token; the last decides what is a candidate: latents whose upper bound reaches it. */
struct TokenBound {
  float scale;  // 2^-s
  float kept;
  float lost;
  float threshold;
};

/**
 * Of a latent. upper = b + rest, less its own threshold where it has one, so that upper bounds
 * compare with zero; minus infinity for latents that only fill up a tile. Latents past
 * kSafeMagnitude have infinity, and zeros before it: they are always candidates.
 */
struct alignas(16) LatentBound {
  float scale;  // 2^-u
  float per_kept;
  float per_lost;
  float upper;
};

/** How a token is encoded. */
enum Road {
  /** By scores, candidates and canonical dot products of these. */
  kScored = 0,
  /** By all canonical dot products: it is too large, or has too many candidates. */
  kExact = 1,
  /** Not at all: something of it is NaN or infinite. */
  kNonFinite = 2
};

/** A latent that may be active: its score 2^-s a until it is selected, then its pre-activation. */
struct alignas(8) Candidate {
  uint32_t latent;
  uint32_t value;  // bits of a float
};

/** No less than the pre-activation less the latent's threshold. */
DEV float upper_bound(float score, const TokenBound& token, const LatentBound& latent) {
  float error = fma_ru(token.lost, latent.per_lost, latent.upper);
  error = fma_ru(token.kept, latent.per_kept, error);
  return fma_ru(score, latent.scale, error);
}

/** No more than the pre-activation; minus_lower = rest - b. */
DEV float lower_bound(
    float score, const TokenBound& token, const LatentBound& latent, float minus_lower) {
  float error = fma_ru(token.lost, latent.per_lost, minus_lower);
  error = fma_ru(token.kept, latent.per_kept, error);
  return -fma_ru(-score, latent.scale, error);
}
