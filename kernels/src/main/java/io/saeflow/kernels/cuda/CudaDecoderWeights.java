// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.DecoderWeights;

/** A decoder's weights on a GPU, which its decoders share. */
public final class CudaDecoderWeights implements AutoCloseable {
  private final DecoderWeights weights;
  private final CudaDevice device;
  private final MemoryScope memory;
  private final DeviceMemory decoderWeights;
  private final DeviceMemory outputBias;

  private CudaDecoderWeights(DecoderWeights weights, CudaDevice device, MemoryScope memory) {
    this.weights = weights;
    this.device = device;
    this.memory = memory;
    this.decoderWeights = memory.upload(weights.decoderWeights());
    this.outputBias = memory.upload(weights.outputBias());
  }

  /**
   * Copies the weights to the GPU, four bytes each.
   *
   * @param device must stay open until these are closed
   * @throws CudaException if they do not fit into its memory
   */
  public static CudaDecoderWeights load(DecoderWeights weights, CudaDevice device) {
    return device.call(
        () -> MemoryScope.with(device, memory -> new CudaDecoderWeights(weights, device, memory)));
  }

  @Override
  public void close() {
    device.run(memory::close);
  }

  DecoderWeights weights() {
    return weights;
  }

  CudaDevice device() {
    return device;
  }

  /** f32 [n, D]. */
  DeviceMemory decoderWeights() {
    return decoderWeights;
  }

  /** f32 [D]. */
  DeviceMemory outputBias() {
    return outputBias;
  }
}
