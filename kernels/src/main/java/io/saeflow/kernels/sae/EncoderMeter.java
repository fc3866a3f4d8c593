// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.concurrent.atomic.LongAdder;

/** What the encoders of one autoencoder have done so far. Safe for use by several threads. */
public final class EncoderMeter {
  private final LongAdder tokens = new LongAdder();
  private final LongAdder nanos = new LongAdder();
  private final LongAdder candidates = new LongAdder();
  private final LongAdder fallbacks = new LongAdder();

  /** Tokens encoded, those with activations that are not finite included. */
  public long tokens() {
    return tokens.sum();
  }

  /** Seconds spent on them, added up over threads. */
  public double seconds() {
    return nanos.sum() / 1e9;
  }

  /** Latents that the scores left open and an exact dot product decided. */
  public long candidates() {
    return candidates.sum();
  }

  /** Tokens that scores could not decide: encoded by all their exact dot products. */
  public long fallbacks() {
    return fallbacks.sum();
  }

  /** Tells of tokens that were encoded, and how long it took. */
  public void addEncoded(int count, long elapsedNanos) {
    tokens.add(count);
    nanos.add(elapsedNanos);
  }

  /** Tells of latents that an exact dot product decided. */
  public void addCandidates(int count) {
    candidates.add(count);
  }

  /** Tells of a token that scores could not decide. */
  public void addFallback() {
    fallbacks.increment();
  }
}
