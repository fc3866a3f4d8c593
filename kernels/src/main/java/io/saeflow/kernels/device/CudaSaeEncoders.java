// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.device;

import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.cuda.CudaDecoderWeights;
import io.saeflow.kernels.cuda.CudaDevice;
import io.saeflow.kernels.cuda.CudaLatentAggregator;
import io.saeflow.kernels.cuda.CudaSaeDecoder;
import io.saeflow.kernels.cuda.CudaSaeEncoder;
import io.saeflow.kernels.cuda.CudaSaeWeights;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;
import java.util.IdentityHashMap;
import java.util.Map;

/** Encoders and decoders on one GPU, which holds each autoencoder once. */
final class CudaSaeEncoders implements SaeEncoders {
  private final CudaDevice device;
  private final String description;
  private final Map<SaeWeights, CudaSaeWeights> loaded = new IdentityHashMap<>();
  private final Map<DecoderWeights, CudaDecoderWeights> loadedDecoders = new IdentityHashMap<>();

  /**
   * @param device closed with this
   */
  CudaSaeEncoders(CudaDevice device, String description) {
    this.device = device;
    this.description = description;
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public synchronized SaeEncoder createEncoder(SaeWeights weights, EncoderMeter meter) {
    CudaSaeWeights onDevice =
        loaded.computeIfAbsent(weights, each -> CudaSaeWeights.load(each, device));
    return new CudaSaeEncoder(onDevice, meter);
  }

  @Override
  public synchronized SaeDecoder createDecoder(DecoderWeights weights) {
    CudaDecoderWeights onDevice =
        loadedDecoders.computeIfAbsent(weights, each -> CudaDecoderWeights.load(each, device));
    return new CudaSaeDecoder(onDevice);
  }

  @Override
  public LatentAggregator createAggregator(int firstLatent, int latents) {
    return CudaLatentAggregator.open(device, firstLatent, latents);
  }

  @Override
  public synchronized void close() {
    loaded.values().forEach(CudaSaeWeights::close);
    loaded.clear();
    loadedDecoders.values().forEach(CudaDecoderWeights::close);
    loadedDecoders.clear();
    device.close();
  }
}
