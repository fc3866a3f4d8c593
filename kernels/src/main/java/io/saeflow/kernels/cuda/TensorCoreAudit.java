// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.nio.ByteBuffer;
import java.util.Random;

/**
 * Tries what {@code encoder.h} assumes of tensor cores, on one tile of rows that make their sums go
 * wrong: cancellation, one huge term among tiny ones, terms that grow or shrink, and terms just too
 * small to count one by one. On the device's thread.
 */
final class TensorCoreAudit {
  private static final int TILE = CandidatePlan.TILE;
  private static final int THREADS = 256;
  private static final int SHARED_BYTES = 4 * 2 * 128 * 32 * Short.BYTES;
  private static final int PATTERNS = 6;

  private final CudaDevice device;
  private final int columns;
  private final double[][] tokens = new double[TILE][];
  private final double[][] latents = new double[TILE][];

  private TensorCoreAudit(CudaDevice device, int columns) {
    this.device = device;
    this.columns = columns;
  }

  /**
   * The largest error of a sum of this many products, as a part of what the bound allows: 1 is just
   * allowed.
   *
   * @param columns a multiple of 64
   */
  static double worstError(CudaDevice device, int columns) {
    return new TensorCoreAudit(device, columns).worstError();
  }

  private double worstError() {
    try (MemoryScope memory = new MemoryScope(device)) {
      Random random = new Random(columns);
      DeviceMemory tokenHalves = upload(memory, random, tokens);
      DeviceMemory latentHalves = upload(memory, random, latents);
      // Scales of one, no error, and an upper bound that makes every latent a candidate.
      DeviceMemory tokenBounds = bounds(memory, Float.MIN_VALUE);
      DeviceMemory latentBounds = bounds(memory, Float.POSITIVE_INFINITY);
      DeviceMemory counts = memory.device(TILE, Integer.BYTES);
      DeviceMemory candidates = memory.device((long) TILE * TILE, 2 * Integer.BYTES);
      PinnedMemory host = memory.pinned(candidates.bytes(), 1);
      device.fill(counts, (byte) 0, counts.bytes());
      KernelArguments arguments =
          new KernelArguments(Kernel.NOMINATE)
              .pointer(tokenHalves)
              .pointer(latentHalves)
              .number(columns)
              .pointer(tokenBounds)
              .pointer(latentBounds)
              .number(TILE)
              .pointer(counts)
              .pointer(candidates);
      device.launch(arguments, 1, 1, THREADS, SHARED_BYTES);
      device.copy(candidates, host, candidates.bytes());
      device.synchronize();
      return worstError(host.buffer());
    }
  }

  private double worstError(ByteBuffer candidates) {
    double worst = 0;
    for (int t = 0; t < TILE; t++) {
      for (int c = 0; c < TILE; c++) {
        double[] latent = latents[candidates.getInt()];
        double error = Math.abs(candidates.getFloat() - dot(tokens[t], latent));
        double norms = Math.sqrt(dot(tokens[t], tokens[t]) * dot(latent, latent));
        double part = error / (columns * 0x1p-22 * norms);
        worst = Math.max(worst, Double.isNaN(part) ? Double.POSITIVE_INFINITY : part);
      }
    }
    return worst;
  }

  private DeviceMemory upload(MemoryScope memory, Random random, double[][] rows) {
    PinnedMemory host = memory.pinned((long) TILE * columns, Short.BYTES);
    DeviceMemory halves = memory.device((long) TILE * columns, Short.BYTES);
    ByteBuffer bits = host.buffer();
    for (int row = 0; row < TILE; row++) {
      rows[row] = new double[columns];
      for (int j = 0; j < columns; j++) {
        int half = half(row % PATTERNS, j, random);
        bits.putShort((short) half);
        rows[row][j] = valueOf(half);
      }
    }
    device.copy(host, halves, halves.bytes());
    return halves;
  }

  /** The bits of a normal binary16 number, by the row's pattern. */
  private int half(int pattern, int column, Random random) {
    int mantissa = random.nextInt(1 << 10);
    int sign = random.nextBoolean() ? 1 << 15 : 0;
    int exponent =
        switch (pattern) {
          // Values of one size, of either sign, and all above zero.
          case 0, 1 -> 20;
          // One that is huge and comes first.
          case 2 -> column == 0 ? 29 : 18;
          case 3 -> 1 + (int) (28L * column / columns);
          case 4 -> 29 - (int) (28L * column / columns);
          // Neighbours cancel.
          default -> 1 + column / 2 * 7 % 29;
        };
    boolean positive = pattern == 1 || pattern == 2;
    return (positive ? 0 : pattern == 5 ? column % 2 << 15 : sign)
        | exponent << 10
        | (pattern == 5 ? 0 : mantissa);
  }

  private static double valueOf(int half) {
    double magnitude = Math.scalb(1 + (half & 0x3ff) * 0x1p-10, (half >> 10 & 0x1f) - 15);
    return half >> 15 == 0 ? magnitude : -magnitude;
  }

  private DeviceMemory bounds(MemoryScope memory, float last) {
    PinnedMemory host = memory.pinned(TILE * 4L, Float.BYTES);
    DeviceMemory bounds = memory.device(TILE * 4L, Float.BYTES);
    ByteBuffer values = host.buffer();
    for (int i = 0; i < TILE; i++) {
      values.putFloat(1).putFloat(0).putFloat(0).putFloat(last);
    }
    device.copy(host, bounds, bounds.bytes());
    return bounds;
  }

  /** Products of halves are exact in float64, and sums of them as good as. */
  private static double dot(double[] x, double[] w) {
    double sum = 0;
    for (int j = 0; j < x.length; j++) {
      sum += x[j] * w[j];
    }
    return sum;
  }
}
