// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.aggregate.LatentStatistics;
import java.nio.ByteBuffer;

/**
 * What a GPU has counted of each latent since it was last read: {@code LatentTotals} of {@code
 * aggregate.cu}, which adds to them. Whole numbers and maxima, so that adding them to others later
 * comes to the same.
 */
final class LatentTotals {
  /** How many entries may be added between two reads. */
  static final int MOST_ENTRIES = Integer.MAX_VALUE;

  /** The histogram's bins that are counted on the GPU, from 1; the few beyond are rare. */
  static final int NEAR_BINS = 128;

  private static final int LIMBS = 7;
  private static final int ACTIVE = LatentStatistics.POWERS * LIMBS * Long.BYTES;
  private static final int LARGEST = ACTIVE + Integer.BYTES;
  private static final int OUT_OF_RANGE = LARGEST + Integer.BYTES;
  private static final int SEQUENCES = OUT_OF_RANGE + Integer.BYTES;
  private static final int NEAR = SEQUENCES + Integer.BYTES;
  private static final int BYTES = NEAR + NEAR_BINS * Integer.BYTES;

  /** Read at a time: 6 MB. */
  private static final int PIECE_LATENTS = 1 << 13;

  private final CudaDevice device;
  private final int latents;
  private final DeviceMemory totals;
  private final PinnedMemory piece;

  /**
   * Totals of nothing. On the device's thread.
   *
   * @param memory is where what they need is opened
   */
  LatentTotals(CudaDevice device, int latents, MemoryScope memory) {
    this.device = device;
    this.latents = latents;
    this.totals = memory.device(latents, BYTES);
    this.piece = memory.pinned(Math.min(latents, PIECE_LATENTS), BYTES);
    device.fill(totals, (byte) 0, totals.bytes());
  }

  /** LatentTotals [latents]. */
  DeviceMemory memory() {
    return totals;
  }

  /** Adds them to {@code statistics} and makes them nothing. Not on the device's thread. */
  void moveTo(LatentStatistics statistics) {
    for (int first = 0; first < latents; first += PIECE_LATENTS) {
      int from = first;
      int count = Math.min(PIECE_LATENTS, latents - first);
      device.run(() -> read(from, count));
      ByteBuffer read = piece.buffer();
      for (int i = 0; i < count; i++) {
        if (read.getInt(i * BYTES + SEQUENCES) != 0) {
          add(read.slice(i * BYTES, BYTES).order(read.order()), statistics, from + i);
        }
      }
    }
    device.run(
        () -> {
          device.fill(totals, (byte) 0, totals.bytes());
          device.synchronize();
        });
  }

  private void read(int first, int count) {
    device.copy(totals, (long) first * BYTES, piece, (long) count * BYTES);
    device.synchronize();
  }

  private static void add(ByteBuffer total, LatentStatistics statistics, int latent) {
    for (int p = 0; p < LatentStatistics.POWERS; p++) {
      for (int limb = 0; limb < LIMBS; limb++) {
        long multiple = total.getLong((p * LIMBS + limb) * Long.BYTES);
        if (multiple != 0) {
          statistics.addToPowerSum(latent, p + 1, limb, multiple);
        }
      }
      if ((total.getInt(OUT_OF_RANGE) >> p & 1) != 0) {
        statistics.setOutOfRange(latent, p + 1);
      }
    }
    statistics.addActive(latent, total.getInt(ACTIVE), total.getFloat(LARGEST));
    for (int bin = 1; bin <= NEAR_BINS; bin++) {
      int count = total.getInt(NEAR + (bin - 1) * Integer.BYTES);
      if (count != 0) {
        statistics.addToBin(latent, bin, count);
      }
    }
  }
}
