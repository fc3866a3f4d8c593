// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * In what the scores that nominate latents are computed. It decides how long encoding takes, never
 * what comes out.
 */
enum ScorePrecision {
  /** Inputs, weights and scores as they are. */
  FLOAT32(0),
  /** All three rounded to 8 bits, sums in float32: about three times the speed. */
  BFLOAT16(0x1p-8);

  private static final Path PROCESSOR = Path.of("/proc/cpuinfo");

  /** At most this part of a score is lost when it is stored, whichever way it is rounded. */
  final double storedError;

  ScorePrecision(double storedError) {
    this.storedError = storedError;
  }

  /**
   * bfloat16 where Linux says that the processor multiplies it (AVX512-BF16 or AMX-BF16), else
   * float32, as an emulated product would be slower.
   */
  static ScorePrecision ofThisMachine() {
    if (!Files.isReadable(PROCESSOR)) {
      return FLOAT32;
    }
    try (Stream<String> lines = Files.lines(PROCESSOR)) {
      return lines
              .filter(line -> line.startsWith("flags"))
              .limit(1)
              .flatMap(line -> Arrays.stream(line.split("\\s+")))
              .anyMatch(flag -> flag.equals("avx512_bf16") || flag.equals("amx_bf16"))
          ? BFLOAT16
          : FLOAT32;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The nearest value, ties to even, that {@code value} may be replaced by; never subnormal. */
  float round(float value) {
    if (Math.abs(value) < Float.MIN_NORMAL) {
      return 0;
    }
    if (this == FLOAT32) {
      return value;
    }
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat((bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff0000);
  }
}
