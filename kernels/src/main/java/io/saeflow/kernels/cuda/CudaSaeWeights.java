// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.SaeWeights;
import org.jspecify.annotations.Nullable;

/**
 * An autoencoder's weights on a GPU: as they are, and rounded to float16 for its tensor cores with
 * the bounds that {@code encoder.h} proves. The encoders of a GPU share them.
 */
public final class CudaSaeWeights implements AutoCloseable {
  /** Of {@code encoder.h}: four floats. */
  private static final int LATENT_BOUND_BYTES = 4 * Float.BYTES;

  /** The bound of the tensor cores' sums, 2^-22 of the width, must be well below one. */
  private static final int MAX_WIDTH = 1 << 16;

  /** A launch has no more rows of blocks, each of which scores a tile of latents. */
  private static final int MAX_LATENTS = 65_535 * CandidatePlan.TILE;

  /** Columns of rounded rows come in such a number, for whole tiles. */
  private static final int COLUMN_TILE = 64;

  /** The chains of the canonical dot product. */
  private static final int CHAINS = 32;

  private static final int THREADS = 128;

  /** An audit tries little of what there is, so it must stay well within the bound. */
  private static final double MOST_AUDITED_ERROR = 0.5;

  private final SaeWeights weights;
  private final CudaDevice device;
  private final CandidatePlan plan;
  private final int columns;
  private final MemoryScope memory;
  private final DeviceMemory inputBias;
  private final DeviceMemory encoderWeights;
  private final DeviceMemory latentBias;

  /** Of JumpReLU, else null. */
  private final @Nullable DeviceMemory thresholds;

  private final DeviceMemory halves;
  private final DeviceMemory bounds;
  private final DeviceMemory minusLower;

  /** Whether sums of tensor cores were as exact as the bounds need. */
  private boolean tensorCoresBounded;

  private CudaSaeWeights(SaeWeights weights, CudaDevice device, MemoryScope memory) {
    this.weights = weights;
    this.device = device;
    this.memory = memory;
    this.plan = CandidatePlan.of(weights);
    this.columns = CandidatePlan.roundUp(weights.width(), COLUMN_TILE);
    int padded = plan.paddedLatents();
    this.inputBias = memory.upload(weights.inputBias());
    this.encoderWeights = memory.upload(weights.encoderWeights());
    this.latentBias = memory.upload(weights.latentBias());
    this.thresholds =
        weights.activationFunction() instanceof ActivationFunction.JumpRelu jumpRelu
            ? memory.upload(jumpRelu.thresholds())
            : null;
    this.halves = memory.device((long) padded * columns, Short.BYTES);
    this.bounds = memory.device(padded, LATENT_BOUND_BYTES);
    this.minusLower = memory.device(padded, Float.BYTES);
  }

  /**
   * Copies the weights to the GPU and prepares them.
   *
   * @param device must stay open until these are closed
   * @throws IllegalArgumentException if the width exceeds 2^16, or there are more than 8,388,480
   *     latents
   * @throws CudaException if they do not fit into its memory
   */
  public static CudaSaeWeights load(SaeWeights weights, CudaDevice device) {
    return load(weights, device, MOST_AUDITED_ERROR);
  }

  /** As the other, with tensor cores allowed another part of their bound. */
  static CudaSaeWeights load(SaeWeights weights, CudaDevice device, double mostAuditedError) {
    requireAtMost("width", weights.width(), MAX_WIDTH);
    requireAtMost("latents", weights.latents(), MAX_LATENTS);
    return device.call(
        () ->
            MemoryScope.with(
                device,
                memory -> {
                  CudaSaeWeights loaded = new CudaSaeWeights(weights, device, memory);
                  loaded.prepare();
                  device.synchronize();
                  double error = TensorCoreAudit.worstError(device, loaded.columns);
                  loaded.tensorCoresBounded = error <= mostAuditedError;
                  return loaded;
                }));
  }

  @Override
  public void close() {
    device.run(memory::close);
  }

  SaeWeights weights() {
    return weights;
  }

  CudaDevice device() {
    return device;
  }

  CandidatePlan plan() {
    return plan;
  }

  /** Whether every latent is active unless it is zero, so that there is nothing to nominate. */
  boolean isIdentity() {
    return weights.activationFunction() instanceof ActivationFunction.Identity;
  }

  /**
   * Whether scores nominate: not where every latent is active, nor where k exceeds the room, nor
   * where tensor cores are less exact than the bounds need.
   */
  boolean isScored() {
    return tensorCoresBounded && !isIdentity() && plan.k() <= plan.capacity();
  }

  /** How many halves a rounded row has. */
  int columns() {
    return columns;
  }

  /** g of {@code encoder.h}, rounded up. */
  float rowError() {
    int chain = (weights.width() + CHAINS - 1) / CHAINS;
    double roundings = (chain + 6) * 0x1p-24;
    return Math.nextUp((float) (roundings / (1 - roundings)));
  }

  /** f32 [D]. */
  DeviceMemory inputBias() {
    return inputBias;
  }

  /** f32 [n, D]. */
  DeviceMemory encoderWeights() {
    return encoderWeights;
  }

  /** f32 [n]. */
  DeviceMemory latentBias() {
    return latentBias;
  }

  /** f32 [n] of JumpReLU, else null. */
  @Nullable DeviceMemory thresholds() {
    return thresholds;
  }

  /** f16 [paddedLatents, columns]. */
  DeviceMemory halves() {
    return halves;
  }

  /** LatentBound [paddedLatents]. */
  DeviceMemory bounds() {
    return bounds;
  }

  /** f32 [paddedLatents]. */
  DeviceMemory minusLower() {
    return minusLower;
  }

  private void prepare() {
    int padded = plan.paddedLatents();
    KernelArguments arguments =
        new KernelArguments(Kernel.PREPARE_LATENTS)
            .pointer(encoderWeights)
            .pointer(latentBias)
            .pointerOrNull(thresholds)
            .number(weights.latents())
            .number(padded)
            .number(weights.width())
            .number(columns)
            .number(columns * 0x1p-22f)
            .number(rowError())
            .number((weights.width() + 64) * Float.MIN_VALUE)
            .pointer(halves)
            .pointer(bounds)
            .pointer(minusLower);
    device.launch(arguments, padded / (THREADS / 32), THREADS, 0);
  }

  private static void requireAtMost(String what, int value, int most) {
    if (value > most) {
      throw new IllegalArgumentException(
          "%s: %d (expected: at most %d)".formatted(what, value, most));
    }
  }
}
