// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.saeflow.kernels.sae.CpuSaeDecoder;
import io.saeflow.kernels.sae.DecoderCase;
import io.saeflow.kernels.sae.DecoderCase.Numbers;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SparseLatents;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * What a CUDA decoder does, on whichever device a subclass opens. Arrays are compared to the bit,
 * with one NaN as good as another.
 */
abstract class CudaSaeDecoderContract {
  private static final int STRIP_TOKENS = 7;
  private static final int STRIP_ENTRIES = 100;

  /** The device of all tests of a class. */
  abstract CudaDevice device();

  /** How many random cases there is time for. */
  abstract int cases();

  @Test
  void equalsTheProcessor() {
    Random random = new Random(20261122);
    for (int i = 0; i < cases(); i++) {
      check(random(random));
    }
  }

  /** Every kind of numbers either way, at sizes of which none fits a warp. */
  @Test
  void equalsTheProcessorOnAllKindsOfNumbers() {
    for (Numbers numbers : Numbers.values()) {
      for (InputNormalization normalization : InputNormalization.values()) {
        check(new DecoderCase(numbers, normalization, 77, 150, 30, 256, 9));
      }
    }
  }

  @Test
  void errorsAreOfEveryKind() {
    DecoderWeights weights =
        new DecoderWeights(InputNormalization.NONE, new float[] {1, 0, 0, 3e38f}, new float[2]);
    float[] activations = {1, 1, Float.NaN, 1, 0, 0, 1, Float.POSITIVE_INFINITY, 1, 0, 4, 0};
    SparseLatents latents =
        new SparseLatents(
            2, new int[] {0, 1, 1, 1, 1, 2, 2}, new int[] {0, 1}, new float[] {1, 1e9f});
    try (CudaDecoderWeights onDevice = CudaDecoderWeights.load(weights, device());
        SaeDecoder decoder = new CudaSaeDecoder(onDevice)) {
      assertThat(decoder.normalizedErrors(activations, latents))
          .containsExactly(0.5, Double.NaN, Double.NaN, Double.NaN, Double.NaN, 1);
    }
  }

  @Test
  void moreTokensThanAStripAreOneRun() {
    // A strip has 4,096.
    DecoderCase.Drawn drawn =
        new DecoderCase(Numbers.GAUSSIAN, InputNormalization.LAYER_NORM, 3, 9, 4096 + 5, 4, 3)
            .draw();
    try (CudaDecoderWeights onDevice = CudaDecoderWeights.load(drawn.weights(), device());
        SaeDecoder decoder = new CudaSaeDecoder(onDevice)) {
      assertEqual(decoder, drawn);
    }
  }

  @Test
  void aTokenWithMoreLatentsThanAStripIsAStrip() {
    int[] offsets = {0, 2, 2 + 3 * STRIP_ENTRIES, 2 + 3 * STRIP_ENTRIES, 3 + 3 * STRIP_ENTRIES};
    int count = offsets[4];
    int[] latents = new int[count];
    float[] values = new float[count];
    for (int e = 0; e < count; e++) {
      latents[e] = e % STRIP_ENTRIES;
      values[e] = 1 + e;
    }
    float[] rows = new float[5 * STRIP_ENTRIES];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = 1f / (3 + i);
    }
    DecoderWeights weights = new DecoderWeights(InputNormalization.NONE, rows, new float[5]);
    float[] activations = new float[4 * 5];
    Arrays.fill(activations, 2);
    check(
        new DecoderCase.Drawn(
            weights, activations, new SparseLatents(0, offsets, latents, values)));
  }

  @Test
  void decodersShareWeightsAndServeAnyNumberOfRuns() {
    DecoderCase.Drawn small =
        new DecoderCase(Numbers.GAUSSIAN, InputNormalization.NONE, 33, 60, 20, 8, 1).draw();
    DecoderCase.Drawn more =
        new DecoderCase(Numbers.HUGE, InputNormalization.NONE, 33, 60, 90, 60, 2).draw();
    DecoderCase.Drawn large =
        new DecoderCase.Drawn(small.weights(), more.activations(), more.latents());
    try (CudaDecoderWeights weights = CudaDecoderWeights.load(small.weights(), device());
        SaeDecoder one = new CudaSaeDecoder(weights);
        SaeDecoder other = new CudaSaeDecoder(weights, STRIP_TOKENS, STRIP_ENTRIES)) {
      assertEqual(one, small);
      assertEqual(other, large);
      assertEqual(one, large);
      assertEqual(other, small);
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    DecoderWeights weights =
        new DecoderWeights(InputNormalization.NONE, new float[4], new float[2]);
    SparseLatents third = new SparseLatents(0, new int[] {0, 1}, new int[] {2}, new float[] {1});
    SparseLatents none = new SparseLatents(0, new int[1], new int[0], new float[0]);
    try (CudaDecoderWeights onDevice = CudaDecoderWeights.load(weights, device());
        SaeDecoder decoder = new CudaSaeDecoder(onDevice)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> decoder.decode(new float[3], third))
          .withMessage("activations: 3 values (expected: 1 tokens of width 2)");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> decoder.normalizedErrors(new float[2], third))
          .withMessage("column of entry 0: 2 (expected: 0 to 1)");
      assertThat(decoder.decode(new float[0], none)).isEmpty();
      assertThat(decoder.normalizedErrors(new float[0], none)).isEmpty();
    }
  }

  @Test
  void freesItsMemory() {
    int before = device().liveAllocations();
    check(new DecoderCase(Numbers.GAUSSIAN, InputNormalization.NONE, 5, 6, 50, 6, 4));
    assertThat(device().liveAllocations()).isEqualTo(before);
  }

  private void check(DecoderCase c) {
    check(c.draw());
  }

  private void check(DecoderCase.Drawn drawn) {
    try (CudaDecoderWeights onDevice = CudaDecoderWeights.load(drawn.weights(), device());
        SaeDecoder decoder = new CudaSaeDecoder(onDevice, STRIP_TOKENS, STRIP_ENTRIES)) {
      assertEqual(decoder, drawn);
    }
  }

  private static void assertEqual(SaeDecoder decoder, DecoderCase.Drawn drawn) {
    float[] activations = drawn.activations();
    float[] given = activations.clone();
    try (SaeDecoder expected = new CpuSaeDecoder(drawn.weights(), 1)) {
      assertThat(decoder.decode(activations, drawn.latents()))
          .as("%s", drawn)
          .isEqualTo(expected.decode(activations, drawn.latents()));
      assertThat(decoder.normalizedErrors(activations, drawn.latents()))
          .as("%s", drawn)
          .isEqualTo(expected.normalizedErrors(activations, drawn.latents()));
    }
    assertThat(activations).isEqualTo(given);
  }

  private static DecoderCase random(Random random) {
    int latents = pick(random, 1, 3, 64, 257, 600);
    return new DecoderCase(
        Numbers.values()[random.nextInt(Numbers.values().length)],
        InputNormalization.values()[random.nextInt(InputNormalization.values().length)],
        pick(random, 1, 2, 5, 31, 32, 33, 64, 65, 100, 127, 128, 129, 300),
        latents,
        pick(random, 1, 2, 5, 7, 8, 17, 40),
        pick(random, 1, 2, 5, 32, 256),
        random.nextLong());
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }
}
