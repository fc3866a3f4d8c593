// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.EncoderCase;
import io.saeflow.kernels.sae.EncoderCase.Function;
import io.saeflow.kernels.sae.EncoderCase.Numbers;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.GoldenFile;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;
import io.saeflow.kernels.sae.SparseLatents;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What a CUDA encoder does, on whichever device a subclass opens. */
abstract class CudaSaeEncoderContract {
  /** A strip of its own for every tile of tokens, so that few tokens make several. */
  private static final int STRIP_TOKENS = CandidatePlan.TILE;

  /** The device of all tests of a class. */
  abstract CudaDevice device();

  /** How many random cases there is time for. */
  abstract int cases();

  @Test
  void equalsTheReference() {
    Random random = new Random(20261121);
    for (int i = 0; i < cases(); i++) {
      check(random(random));
    }
  }

  /** Every kind of numbers with every function, at one size. */
  @Test
  void equalsTheReferenceOnAllKindsOfNumbers() {
    for (Numbers numbers : Numbers.values()) {
      for (Function function : Function.values()) {
        check(new EncoderCase(numbers, function, InputNormalization.NONE, 48, 150, 9, 3));
      }
    }
  }

  @Test
  void agreesWithTheGoldenFiles() {
    for (GoldenFile file : GoldenFile.all()) {
      assertThat(encode(file.weights(), file.activations(), new EncoderMeter()))
          .as(file.name())
          .isEqualTo(file.latents());
    }
  }

  @Test
  void manyStripsAreOneRun() {
    EncoderCase.Drawn drawn =
        new EncoderCase(
                Numbers.NON_FINITE,
                Function.TOP_K,
                InputNormalization.LAYER_NORM,
                5,
                70,
                (2 * CudaSaeEncoder.STRIPS - 1) * STRIP_TOKENS + 7,
                5)
            .draw();
    SparseLatents latents = encode(drawn.weights(), drawn.activations(), new EncoderMeter());
    assertThat(latents.nonFiniteTokens()).isPositive();
    assertThat(latents).isEqualTo(drawn.expected());
  }

  @Test
  void encodersShareWeightsAndServeAnyNumberOfRuns() {
    EncoderCase.Drawn drawn =
        new EncoderCase(
                Numbers.GAUSSIAN, Function.JUMP_RELU, InputNormalization.NONE, 33, 300, 20, 2)
            .draw();
    SparseLatents expected = drawn.expected();
    try (CudaSaeWeights weights = CudaSaeWeights.load(drawn.weights(), device());
        SaeEncoder one = new CudaSaeEncoder(weights, new EncoderMeter());
        SaeEncoder other = new CudaSaeEncoder(weights, new EncoderMeter(), STRIP_TOKENS)) {
      assertThat(one.encode(drawn.activations())).isEqualTo(expected);
      assertThat(other.encode(drawn.activations())).isEqualTo(expected);
      assertThat(one.encode(drawn.activations())).isEqualTo(expected);
    }
  }

  @Test
  void fewCandidatesAreLeftToCanonicalDotProducts() {
    Random random = new Random(6);
    SaeWeights weights = topK(64, 2048, 8, gaussian(random, 2048 * 64));
    EncoderMeter meter = new EncoderMeter();
    encode(weights, gaussian(random, 20 * 64), meter);
    assertThat(meter.tokens()).isEqualTo(20);
    assertThat(meter.candidates()).isBetween(20L * 8, 20L * 12);
    assertThat(meter.fallbacks()).isZero();
  }

  @Test
  void tokensWithTooManyTiesAreEncodedExactly() {
    SaeWeights weights = topK(2, 5000, 3, new float[10_000]);
    Arrays.fill(weights.latentBias(), 1f);
    EncoderMeter meter = new EncoderMeter();
    assertThat(encode(weights, new float[4], meter))
        .isEqualTo(
            new SparseLatents(
                0,
                new int[] {0, 3, 6},
                new int[] {0, 1, 2, 0, 1, 2},
                new float[] {1, 1, 1, 1, 1, 1}));
    assertThat(meter.fallbacks()).isEqualTo(2);
  }

  @Test
  void moreThanThereIsRoomForIsEncodedExactly() {
    Random random = new Random(8);
    SaeWeights weights = topK(3, 4200, 4100, gaussian(random, 3 * 4200));
    Arrays.fill(weights.latentBias(), 20f);
    EncoderCase.Drawn drawn = new EncoderCase.Drawn(weights, gaussian(random, 3));
    SparseLatents latents = encode(weights, drawn.activations(), new EncoderMeter());
    assertThat(latents).isEqualTo(drawn.expected());
    assertThat(latents.latents()).hasSize(4100);
  }

  @Test
  void tensorCoresStayWithinHalfOfTheirBound() {
    for (int columns : new int[] {64, 128, 768}) {
      double worst = device().call(() -> TensorCoreAudit.worstError(device(), columns));
      // Zero would mean that nothing was tried: these sums do not fit into float32.
      assertThat(worst).as("%d columns", columns).isGreaterThan(0).isLessThan(0.5);
    }
  }

  @Test
  void withTensorCoresThatAreNotTrustedEveryTokenIsEncodedExactly() {
    EncoderCase.Drawn drawn =
        new EncoderCase(Numbers.GAUSSIAN, Function.TOP_K, InputNormalization.NONE, 40, 90, 7, 4)
            .draw();
    EncoderMeter meter = new EncoderMeter();
    try (CudaSaeWeights weights = CudaSaeWeights.load(drawn.weights(), device(), 0);
        SaeEncoder encoder = new CudaSaeEncoder(weights, meter)) {
      assertThat(encoder.encode(drawn.activations())).isEqualTo(drawn.expected());
    }
    assertThat(meter.fallbacks()).isEqualTo(7);
    assertThat(meter.candidates()).isZero();
  }

  @Test
  void refusesPartialTokens() {
    try (CudaSaeWeights weights = CudaSaeWeights.load(topK(2, 3, 1, new float[6]), device());
        SaeEncoder encoder = new CudaSaeEncoder(weights, new EncoderMeter())) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> encoder.encode(new float[3]))
          .withMessage("activations: 3 values (expected: a multiple of the width 2)");
      assertThat(encoder.encode(new float[0]).tokens()).isZero();
    }
  }

  @Test
  void refusesWidthsBeyondItsProof() {
    SaeWeights wide = topK(65_537, 1, 1, new float[65_537]);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CudaSaeWeights.load(wide, device()))
        .withMessage("width: 65537 (expected: at most 65536)");
  }

  @Test
  void refusesMoreLatentsThanALaunchHas() {
    SaeWeights many = topK(1, 8_388_481, 1, new float[8_388_481]);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CudaSaeWeights.load(many, device()))
        .withMessage("latents: 8388481 (expected: at most 8388480)");
  }

  @Test
  void freesItsMemory() {
    int before = device().liveAllocations();
    encode(topK(2, 5000, 3, new float[10_000]), new float[4], new EncoderMeter());
    assertThat(device().liveAllocations()).isEqualTo(before);
  }

  private void check(EncoderCase c) {
    EncoderCase.Drawn drawn = c.draw();
    SparseLatents expected = drawn.expected();
    assertThat(encode(drawn.weights(), drawn.activations(), new EncoderMeter()))
        .as("%s", c)
        .isEqualTo(expected);
  }

  private SparseLatents encode(SaeWeights weights, float[] activations, EncoderMeter meter) {
    try (CudaSaeWeights onDevice = CudaSaeWeights.load(weights, device());
        SaeEncoder encoder = new CudaSaeEncoder(onDevice, meter, STRIP_TOKENS)) {
      return encoder.encode(activations);
    }
  }

  private static EncoderCase random(Random random) {
    int width = pick(random, 1, 5, 31, 32, 33, 64, 65, 100);
    boolean layerNorm = width > 1 && random.nextInt(3) == 0;
    int latents = pick(random, 1, 7, 64, 128, 129, 257, 600);
    return new EncoderCase(
        Numbers.values()[random.nextInt(Numbers.values().length)],
        Function.values()[random.nextInt(Function.values().length)],
        layerNorm ? InputNormalization.LAYER_NORM : InputNormalization.NONE,
        width,
        latents,
        latents < 300 ? pick(random, 1, 2, 5, 17, 127, 128, 130) : pick(random, 1, 2, 5),
        random.nextLong());
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }

  private static SaeWeights topK(int width, int latents, int k, float[] w) {
    return new SaeWeights(
        width,
        latents,
        InputNormalization.NONE,
        new float[width],
        w,
        new float[latents],
        new ActivationFunction.TopK(k));
  }

  private static float[] gaussian(Random random, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
