// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.cuda.CudaDevice;
import io.saeflow.kernels.cuda.CudaLatentAggregator;
import io.saeflow.kernels.cuda.CudaSaeEncoder;
import io.saeflow.kernels.cuda.CudaSaeWeights;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;
import java.util.IdentityHashMap;
import java.util.Map;

/** Encoders on one GPU, which holds each autoencoder once. */
final class CudaSaeEncoders implements SaeEncoders {
  private final CudaDevice device;
  private final int decoderThreads;
  private final String description;
  private final Map<SaeWeights, CudaSaeWeights> loaded = new IdentityHashMap<>();

  /**
   * @param device closed with this
   * @param decoderThreads of the processor, for each decoder
   */
  CudaSaeEncoders(CudaDevice device, int decoderThreads, String description) {
    this.device = device;
    this.decoderThreads = decoderThreads;
    this.description = description;
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public synchronized SaeEncoder create(SaeWeights weights, EncoderMeter meter) {
    CudaSaeWeights onDevice =
        loaded.computeIfAbsent(weights, each -> CudaSaeWeights.load(each, device));
    return new CudaSaeEncoder(onDevice, meter);
  }

  @Override
  public SaeDecoder createDecoder(DecoderWeights weights) {
    return new SaeDecoder(weights, decoderThreads);
  }

  @Override
  public LatentAggregator createAggregator(int firstLatent, int latents) {
    return CudaLatentAggregator.open(device, firstLatent, latents);
  }

  @Override
  public synchronized void close() {
    loaded.values().forEach(CudaSaeWeights::close);
    loaded.clear();
    device.close();
  }
}
