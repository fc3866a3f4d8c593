// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.kernels.sparse.CsrMatrix;
import java.util.function.Consumer;
import java.util.function.ObjIntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Decodes on a GPU, equal to the processor's decoder to the bit.
 *
 * <p>Tokens go through the GPU in strips, so that a run of any length needs no more than 24 MiB of
 * its memory and as much pinned memory; only a single token of more than a million latents makes it
 * more.
 *
 * <p>Not safe for use by several threads, but decoders of several threads may share weights: while
 * one waits for the GPU, others copy activations in and results out.
 */
public final class CudaSaeDecoder implements SaeDecoder {
  private static final int MAX_STRIP_TOKENS = 4096;

  /** 16 MiB of activations, which their reconstruction overwrites. */
  private static final int STRIP_VALUES = 1 << 22;

  /** 8 MiB of latents with their values. */
  private static final int STRIP_ENTRIES = 1 << 20;

  private final CudaDecoderWeights sae;
  private final CudaDevice device;
  private final int stripTokens;
  private final int stripEntries;
  private final MemoryScope memory;
  private @Nullable DecoderStrip strip;

  /**
   * @param sae must stay open as long as this decoder
   */
  public CudaSaeDecoder(CudaDecoderWeights sae) {
    this(sae, stripTokens(sae.weights().width()), STRIP_ENTRIES);
  }

  /**
   * @param stripTokens how many tokens a strip has at most
   * @param stripEntries how many latents they have at most, together; a token is never split
   */
  CudaSaeDecoder(CudaDecoderWeights sae, int stripTokens, int stripEntries) {
    this.sae = sae;
    this.device = sae.device();
    this.stripTokens = stripTokens;
    this.stripEntries = stripEntries;
    this.memory = new MemoryScope(device);
  }

  @Override
  public float[] decode(float[] activations, SparseLatents latents) {
    float[] reconstruction = new float[activations.length];
    forEachStrip(
        activations,
        latents,
        DecoderStrip::reconstruct,
        (decoded, first) -> decoded.readReconstruction(reconstruction, first));
    return reconstruction;
  }

  @Override
  public double[] normalizedErrors(float[] activations, SparseLatents latents) {
    double[] errors = new double[latents.tokens()];
    forEachStrip(
        activations,
        latents,
        DecoderStrip::compare,
        (compared, first) -> compared.readErrors(errors, first));
    return errors;
  }

  @Override
  public void close() {
    device.run(memory::close);
  }

  /**
   * Takes all tokens through the GPU.
   *
   * @param work done on the device's thread
   * @param reading of the results, given the strip's first token
   */
  private void forEachStrip(
      float[] activations,
      SparseLatents latents,
      Consumer<DecoderStrip> work,
      ObjIntConsumer<DecoderStrip> reading) {
    CsrMatrix matrix = sae.weights().matrix(activations, latents);
    int first = 0;
    while (first < matrix.rows()) {
      int end = stripEnd(matrix, first);
      DecoderStrip filled = roomFor(matrix.offsets()[end] - matrix.offsets()[first]);
      filled.fill(activations, matrix, first, end);
      device.run(() -> work.accept(filled));
      reading.accept(filled, first);
      first = end;
    }
  }

  private int stripEnd(CsrMatrix latents, int first) {
    int[] offsets = latents.offsets();
    int most = Math.min(latents.rows(), first + stripTokens);
    int end = first + 1;
    while (end < most && offsets[end + 1] - offsets[first] <= stripEntries) {
      end++;
    }
    return end;
  }

  private DecoderStrip roomFor(int entries) {
    DecoderStrip current = strip;
    if (current == null || current.entryCapacity() < entries) {
      int capacity = Math.max(stripEntries, entries);
      strip = null;
      current =
          device.call(
              () -> {
                memory.close();
                return new DecoderStrip(sae, stripTokens, capacity, memory);
              });
      strip = current;
    }
    return current;
  }

  private static int stripTokens(int width) {
    return Math.max(1, Math.min(MAX_STRIP_TOKENS, STRIP_VALUES / width));
  }
}
