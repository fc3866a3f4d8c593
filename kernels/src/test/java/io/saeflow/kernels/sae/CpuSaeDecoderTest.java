// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CpuSaeDecoderTest {
  private static final int WIDTH = 40;
  private static final int LATENTS = 24;
  private static final int TOKENS = 100;

  @ParameterizedTest
  @EnumSource
  void decodesAsDoublesDo(InputNormalization normalization) {
    Random random = new Random(2);
    DecoderWeights weights =
        new DecoderWeights(
            normalization, gaussian(random, LATENTS * WIDTH), gaussian(random, WIDTH));
    float[] activations = gaussian(random, TOKENS * WIDTH);
    SparseLatents latents = latents(random);
    try (SaeDecoder decoder = new CpuSaeDecoder(weights, 1)) {
      float[] decoded = decoder.decode(activations, latents);
      double[] errors = decoder.normalizedErrors(activations, latents);
      for (int t = 0; t < TOKENS; t++) {
        double[] expected = decode(weights, latents, t, activations);
        double error = 0;
        double size = 0;
        for (int j = 0; j < WIDTH; j++) {
          double x = activations[t * WIDTH + j];
          assertThat((double) decoded[t * WIDTH + j]).isCloseTo(expected[j], within(1e-4));
          error += (expected[j] - x) * (expected[j] - x);
          size += x * x;
        }
        assertThat(errors[t]).isCloseTo(error / size, within(1e-5 * error / size));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void theNumberOfThreadsChangesNothing(InputNormalization normalization) {
    Random random = new Random(3);
    DecoderWeights weights =
        new DecoderWeights(
            normalization, gaussian(random, LATENTS * WIDTH), gaussian(random, WIDTH));
    float[] activations = gaussian(random, TOKENS * WIDTH);
    SparseLatents latents = latents(random);
    try (SaeDecoder one = new CpuSaeDecoder(weights, 1);
        SaeDecoder three = new CpuSaeDecoder(weights, 3)) {
      assertThat(three.decode(activations, latents)).isEqualTo(one.decode(activations, latents));
      assertThat(three.normalizedErrors(activations, latents))
          .isEqualTo(one.normalizedErrors(activations, latents));
    }
  }

  @Test
  void whatCannotBeComparedIsNaN() {
    DecoderWeights weights =
        new DecoderWeights(InputNormalization.NONE, new float[] {1, 0, 0, 3e38f}, new float[2]);
    float[] activations = {1, 1, Float.NaN, 1, 0, 0, 1, Float.POSITIVE_INFINITY, 1, 0};
    SparseLatents latents =
        new SparseLatents(2, new int[] {0, 1, 1, 1, 1, 2}, new int[] {0, 1}, new float[] {1, 1e9f});
    try (SaeDecoder decoder = new CpuSaeDecoder(weights, 1)) {
      assertThat(decoder.normalizedErrors(activations, latents))
          .containsExactly(0.5, Double.NaN, Double.NaN, Double.NaN, Double.NaN);
    }
  }

  @Test
  void aTokenWithoutLatentsIsTheBias() {
    DecoderWeights weights =
        new DecoderWeights(InputNormalization.NONE, new float[] {5, 5}, new float[] {3, 4});
    SparseLatents none = new SparseLatents(0, new int[] {0, 0}, new int[0], new float[0]);
    try (SaeDecoder decoder = new CpuSaeDecoder(weights, 1)) {
      assertThat(decoder.decode(new float[] {3, 0}, none)).containsExactly(3, 4);
      assertThat(decoder.normalizedErrors(new float[] {3, 0}, none)).containsExactly(16 / 9.0);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    DecoderWeights weights =
        new DecoderWeights(InputNormalization.NONE, new float[4], new float[2]);
    assertThat(weights.latents()).isEqualTo(2);
    SparseLatents third = new SparseLatents(0, new int[] {0, 1}, new int[] {2}, new float[] {1});
    try (SaeDecoder decoder = new CpuSaeDecoder(weights, 1)) {
      assertThatThrownBy(() -> decoder.decode(new float[3], third))
          .hasMessage("activations: 3 values (expected: 1 tokens of width 2)");
      assertThatThrownBy(() -> decoder.normalizedErrors(new float[2], third))
          .hasMessage("column of entry 0: 2 (expected: 0 to 1)");
    }
    assertThatThrownBy(
            () -> new DecoderWeights(InputNormalization.NONE, new float[5], new float[2]))
        .hasMessage("decoder weights: 5 values (expected: a multiple of the output bias', 2)");
  }

  /** About a third of the latents of each token. */
  private static SparseLatents latents(Random random) {
    int[] offsets = new int[TOKENS + 1];
    int[] latents = new int[TOKENS * LATENTS];
    int count = 0;
    for (int t = 0; t < TOKENS; t++) {
      for (int i = 0; i < LATENTS; i++) {
        if (random.nextInt(3) == 0) {
          latents[count++] = i;
        }
      }
      offsets[t + 1] = count;
    }
    return new SparseLatents(0, offsets, Arrays.copyOf(latents, count), gaussian(random, count));
  }

  private static double[] decode(
      DecoderWeights weights, SparseLatents latents, int token, float[] activations) {
    double[] out = new double[WIDTH];
    double mean = 0;
    for (int j = 0; j < WIDTH; j++) {
      out[j] = weights.outputBias()[j];
      mean += activations[token * WIDTH + j] / (double) WIDTH;
    }
    for (int e = latents.offsets()[token]; e < latents.offsets()[token + 1]; e++) {
      for (int j = 0; j < WIDTH; j++) {
        out[j] +=
            (double) latents.values()[e]
                * weights.decoderWeights()[latents.latents()[e] * WIDTH + j];
      }
    }
    if (weights.normalization() == InputNormalization.LAYER_NORM) {
      double squares = 0;
      for (int j = 0; j < WIDTH; j++) {
        squares += Math.pow(activations[token * WIDTH + j] - mean, 2);
      }
      for (int j = 0; j < WIDTH; j++) {
        out[j] = out[j] * Math.sqrt(squares / (WIDTH - 1)) + mean;
      }
    }
    return out;
  }

  private static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() + 0.5);
    }
    return values;
  }
}
