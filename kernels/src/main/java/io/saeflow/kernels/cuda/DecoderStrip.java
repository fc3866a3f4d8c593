// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sparse.CsrMatrix;
import java.nio.IntBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Takes a strip of tokens with their latents through the decoder's kernel, one strip after the
 * other in the same memory. It is made on the device's thread, and {@link #reconstruct} and {@link
 * #compare} run there; all else does not, so that one decoder's strip is filled and read while
 * another's is on the device.
 */
final class DecoderStrip {
  private static final int THREADS = 128;
  private static final int WARPS = THREADS / 32;

  private final CudaDecoderWeights sae;
  private final CudaDevice device;
  private final int entryCapacity;

  private final PinnedMemory hostActivations;
  private final PinnedMemory hostOffsets;
  private final PinnedMemory hostLatents;
  private final PinnedMemory hostValues;
  private final PinnedMemory hostErrors;

  private final DeviceMemory activations;
  private final DeviceMemory offsets;
  private final DeviceMemory latents;
  private final DeviceMemory values;
  private final DeviceMemory errors;

  private int tokens;
  private int entries;

  /**
   * @param capacity the most tokens of a strip
   * @param entryCapacity the most latents that these have, together
   * @param memory is where what it needs is opened
   */
  DecoderStrip(CudaDecoderWeights sae, int capacity, int entryCapacity, MemoryScope memory) {
    this.sae = sae;
    this.device = sae.device();
    this.entryCapacity = entryCapacity;
    long size = (long) capacity * sae.weights().width();
    this.hostActivations = memory.pinned(size, Float.BYTES);
    this.hostOffsets = memory.pinned(capacity + 1L, Integer.BYTES);
    this.hostLatents = memory.pinned(entryCapacity, Integer.BYTES);
    this.hostValues = memory.pinned(entryCapacity, Float.BYTES);
    this.hostErrors = memory.pinned(capacity, Double.BYTES);
    this.activations = memory.device(size, Float.BYTES);
    this.offsets = memory.device(capacity + 1L, Integer.BYTES);
    this.latents = memory.device(entryCapacity, Integer.BYTES);
    this.values = memory.device(entryCapacity, Float.BYTES);
    this.errors = memory.device(capacity, Double.BYTES);
  }

  int entryCapacity() {
    return entryCapacity;
  }

  /** Takes in the tokens from {@code first} to before {@code end}. */
  void fill(float[] input, CsrMatrix inputLatents, int first, int end) {
    int width = sae.weights().width();
    int firstEntry = inputLatents.offsets()[first];
    tokens = end - first;
    entries = inputLatents.offsets()[end] - firstEntry;
    hostActivations.buffer().asFloatBuffer().put(input, first * width, tokens * width);
    IntBuffer strip = hostOffsets.buffer().asIntBuffer();
    for (int t = first; t <= end; t++) {
      strip.put(inputLatents.offsets()[t] - firstEntry);
    }
    hostLatents.buffer().asIntBuffer().put(inputLatents.indices(), firstEntry, entries);
    hostValues.buffer().asFloatBuffer().put(inputLatents.values(), firstEntry, entries);
  }

  /** Puts what the latents decode to in the place of the activations. */
  void reconstruct() {
    decode(activations, null);
    device.copy(activations, hostActivations, activationBytes());
    device.synchronize();
  }

  /** Computes how far that is from the activations. */
  void compare() {
    decode(null, errors);
    device.copy(errors, hostErrors, (long) tokens * Double.BYTES);
    device.synchronize();
  }

  /** Copies what was reconstructed to where the token {@code first} begins. */
  void readReconstruction(float[] to, int first) {
    int width = sae.weights().width();
    hostActivations.buffer().asFloatBuffer().get(to, first * width, tokens * width);
  }

  /** Copies what {@link #compare} computed. */
  void readErrors(double[] to, int first) {
    hostErrors.buffer().asDoubleBuffer().get(to, first, tokens);
  }

  private void decode(@Nullable DeviceMemory reconstruction, @Nullable DeviceMemory errorsTo) {
    device.copy(hostActivations, activations, activationBytes());
    device.copy(hostOffsets, offsets, (tokens + 1L) * Integer.BYTES);
    device.copy(hostLatents, latents, (long) entries * Integer.BYTES);
    device.copy(hostValues, values, (long) entries * Float.BYTES);
    boolean layerNorm = sae.weights().normalization() == InputNormalization.LAYER_NORM;
    KernelArguments arguments =
        new KernelArguments(Kernel.DECODE_TOKENS)
            .pointer(activations)
            .pointer(offsets)
            .pointer(latents)
            .pointer(values)
            .pointer(sae.decoderWeights())
            .pointer(sae.outputBias())
            .number(layerNorm ? 1 : 0)
            .number(tokens)
            .number(sae.weights().width())
            .pointerOrNull(reconstruction)
            .pointerOrNull(errorsTo);
    device.launch(arguments, (tokens + WARPS - 1) / WARPS, THREADS, 0);
  }

  private long activationBytes() {
    return (long) tokens * sae.weights().width() * Float.BYTES;
  }
}
