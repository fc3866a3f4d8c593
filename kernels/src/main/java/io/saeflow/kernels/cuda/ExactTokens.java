// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.ActiveLatents;
import io.saeflow.kernels.sae.SparseRows;

/**
 * Encodes tokens by all of their canonical pre-activations: those that scores cannot decide, and
 * every token where each latent is active. It is made on the device's thread, and {@link #compute}
 * runs there.
 */
final class ExactTokens {
  private static final int THREADS = 128;

  /** 16 MiB of pre-activations come back at a time. */
  private static final int ROUND_VALUES = 1 << 22;

  private final CudaSaeWeights sae;
  private final CudaDevice device;
  private final int latents;
  private final int roundTokens;
  private final DeviceMemory tokens;
  private final PinnedMemory hostTokens;
  private final DeviceMemory preActivations;
  private final PinnedMemory hostPreActivations;

  private final ActiveLatents activeLatents;
  private final int[] all;
  private final float[] pre;

  /**
   * @param memory is where what it needs is opened
   */
  ExactTokens(CudaSaeWeights sae, MemoryScope memory) {
    this.sae = sae;
    this.device = sae.device();
    this.latents = sae.weights().latents();
    this.roundTokens = Math.max(1, ROUND_VALUES / latents);
    this.tokens = memory.device(roundTokens, Integer.BYTES);
    this.hostTokens = memory.pinned(roundTokens, Integer.BYTES);
    this.preActivations = memory.device((long) roundTokens * latents, Float.BYTES);
    this.hostPreActivations = memory.pinned((long) roundTokens * latents, Float.BYTES);
    this.activeLatents = new ActiveLatents(sae.weights().activationFunction());
    this.all = new int[latents];
    for (int i = 0; i < latents; i++) {
      all[i] = i;
    }
    this.pre = new float[latents];
  }

  /** How many tokens {@link #compute} takes at most. */
  int roundTokens() {
    return roundTokens;
  }

  /**
   * Computes the pre-activations of {@code count} tokens.
   *
   * @param rows f32 [T, D]: canonical rows
   * @param which the rows, from {@code from}
   */
  void compute(DeviceMemory rows, int[] which, int from, int count) {
    hostTokens.buffer().asIntBuffer().put(which, from, count);
    device.copy(hostTokens, tokens, (long) count * Integer.BYTES);
    KernelArguments arguments =
        new KernelArguments(Kernel.DENSE_CANON)
            .pointer(rows)
            .pointer(sae.encoderWeights())
            .pointer(sae.latentBias())
            .pointer(tokens)
            .number(count)
            .number(sae.weights().width())
            .number(0)
            .number(latents)
            .pointer(preActivations);
    int warps = THREADS / 32;
    device.launch(arguments, (count * latents + warps - 1) / warps, THREADS, 0);
    device.copy(preActivations, hostPreActivations, (long) count * latents * Float.BYTES);
    device.synchronize();
  }

  /** Adds the active latents of the token that was {@code index}-th of the last computed. */
  void add(int index, SparseRows rows) {
    hostPreActivations.buffer().asFloatBuffer().get(index * latents, pre);
    for (float value : pre) {
      if (!Float.isFinite(value)) {
        rows.endNonFiniteToken();
        return;
      }
    }
    activeLatents.add(all, pre, latents, rows);
  }
}
