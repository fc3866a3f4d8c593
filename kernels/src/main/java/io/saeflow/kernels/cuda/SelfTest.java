// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A small problem whose bits are known, to be computed before a device is trusted: another order of
 * additions, a rounded product or a flushed subnormal would give others.
 */
final class SelfTest {
  static final int TOKENS = 2;
  static final int WIDTH = 77;
  static final int LATENTS = 4;

  /** The canonical pre-activations [TOKENS, LATENTS], as bits. */
  private static final int[] EXPECTED = {
    -1065255986, 1081321230, 1068671038, 1026118688, 1315320, 2496065, -1089996648, 1060191126
  };

  private static final int THREADS = 128;
  private static final int WARPS = THREADS / 32;

  private SelfTest() {}

  /** Runs on the device from any other thread. */
  static boolean passes(CudaDevice device) {
    return device.call(() -> run(device));
  }

  static int[] expected() {
    return EXPECTED.clone();
  }

  /** Prepared rows [TOKENS, WIDTH]; those of the second token are subnormal. */
  static float[] rows() {
    float[] rows = values(TOKENS * WIDTH, 1);
    for (int j = WIDTH; j < rows.length; j++) {
      rows[j] *= 0x1p-130f;
    }
    return rows;
  }

  /** [LATENTS, WIDTH]. */
  static float[] weights() {
    return values(LATENTS * WIDTH, 2);
  }

  /** [LATENTS]; half of them zeros, beside which what is subnormal stays. */
  static float[] bias() {
    float[] bias = values(LATENTS, 3);
    Arrays.fill(bias, 0, LATENTS / 2, 0f);
    return bias;
  }

  /** Multiples of 2^-23 in (-1, 1). */
  private static float[] values(int count, int seed) {
    float[] values = new float[count];
    long state = seed;
    for (int i = 0; i < count; i++) {
      // Knuth's MMIX generator; the high bits are the good ones.
      state = state * 6364136223846793005L + 1442695040888963407L;
      values[i] = (state >> 40) * 0x1p-23f;
    }
    return values;
  }

  private static boolean run(CudaDevice device) {
    try (MemoryScope memory = new MemoryScope(device)) {
      DeviceMemory x = memory.upload(rows());
      DeviceMemory weights = memory.upload(weights());
      DeviceMemory bias = memory.upload(bias());
      DeviceMemory out = memory.device(EXPECTED.length, Float.BYTES);
      KernelArguments arguments =
          new KernelArguments(Kernel.DENSE_CANON)
              .pointer(x)
              .pointer(weights)
              .pointer(bias)
              .nullPointer()
              .number(TOKENS)
              .number(WIDTH)
              .number(0)
              .number(LATENTS)
              .pointer(out);
      device.launch(arguments, (EXPECTED.length + WARPS - 1) / WARPS, THREADS, 0);
      return hasExpectedBits(device, out);
    }
  }

  private static boolean hasExpectedBits(CudaDevice device, DeviceMemory out) {
    try (PinnedMemory host = new PinnedMemory(device, Float.BYTES * EXPECTED.length)) {
      device.copy(out, host, out.bytes());
      device.synchronize();
      ByteBuffer bits = host.buffer();
      for (int expected : EXPECTED) {
        if (bits.getInt() != expected) {
          return false;
        }
      }
      return true;
    }
  }
}
