// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.aggregate.CpuLatentAggregator;
import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.CertifiedSaeEncoder;
import io.saeflow.kernels.sae.CpuSaeDecoder;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;
import io.saeflow.kernels.sae.SharedScorer;
import java.util.IdentityHashMap;
import java.util.Map;

/** Encoders and decoders on the processor. */
final class CpuSaeEncoders implements SaeEncoders {
  private final TensorEngine engine;
  private final String description;

  /** By identity: weights that are equal only are those of different autoencoders. */
  private final Map<SaeWeights, SharedScorer> scorers = new IdentityHashMap<>();

  CpuSaeEncoders(TensorEngine engine, String description) {
    this.engine = engine;
    this.description = description;
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public synchronized SaeEncoder createEncoder(SaeWeights weights, EncoderMeter meter) {
    return new CertifiedSaeEncoder(
        scorers.computeIfAbsent(weights, w -> new SharedScorer(w, engine)), meter);
  }

  @Override
  public SaeDecoder createDecoder(DecoderWeights weights) {
    return new CpuSaeDecoder(weights, engine.threads());
  }

  @Override
  public LatentAggregator createAggregator(int firstLatent, int latents) {
    return new CpuLatentAggregator(firstLatent, latents);
  }

  /** The engine is the caller's. */
  @Override
  public synchronized void close() {
    scorers.values().forEach(SharedScorer::close);
    scorers.clear();
  }
}
