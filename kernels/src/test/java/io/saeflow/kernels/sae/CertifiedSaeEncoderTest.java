// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.sae.EncoderCase.Function;
import io.saeflow.kernels.sae.EncoderCase.Numbers;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CertifiedSaeEncoderTest {
  private static final LibtorchEngine ENGINE = LibtorchEngine.open(2);

  record Case(EncoderCase encoder, ScorePrecision precision) {}

  @Property(tries = 600, shrinking = ShrinkingMode.OFF)
  void equalsTheReference(@ForAll("cases") Case c) {
    EncoderCase.Drawn drawn = c.encoder().draw();
    SparseLatents expected = drawn.expected();
    try (SaeEncoder certified =
        new CertifiedSaeEncoder(drawn.weights(), ENGINE, new EncoderMeter(), c.precision())) {
      assertThat(certified.encode(drawn.activations())).isEqualTo(expected);
      assertThat(certified.encode(drawn.activations())).isEqualTo(expected);
    }
  }

  /** The k-th place goes to one of several that differ in rounding only, on about every token. */
  @Property(tries = 150, shrinking = ShrinkingMode.OFF)
  void nearTiesAreDecidedByTheCanonicalSum(@ForAll("nearTies") Case c) {
    equalsTheReference(c);
  }

  @Provide
  static Arbitrary<Case> nearTies() {
    return Combinators.combine(
            Arbitraries.of(Function.TOP_K, Function.JUMP_RELU),
            Arbitraries.of(33, 48, 64, 100),
            Arbitraries.of(7, 30, 64),
            precisions(),
            Arbitraries.longs())
        .as(
            (function, width, latents, precision, seed) ->
                new Case(
                    new EncoderCase(
                        Numbers.PERMUTATIONS,
                        function,
                        InputNormalization.NONE,
                        width,
                        latents,
                        5,
                        seed),
                    precision));
  }

  /** bfloat16 only where instructions keep its sums in float32, as the proof wants it. */
  private static Arbitrary<ScorePrecision> precisions() {
    return ScorePrecision.ofThisMachine() == ScorePrecision.BFLOAT16
        ? Arbitraries.of(ScorePrecision.values())
        : Arbitraries.just(ScorePrecision.FLOAT32);
  }

  @Provide
  static Arbitrary<Case> cases() {
    return Combinators.combine(
            Arbitraries.of(Numbers.values()),
            Arbitraries.of(Function.values()),
            Arbitraries.of(InputNormalization.values()),
            Arbitraries.of(1, 5, 31, 32, 33, 48, 64, 100),
            Arbitraries.of(1, 7, 64, 257, 1000),
            Arbitraries.frequencyOf(
                Tuple.of(6, Arbitraries.integers().between(0, 5)),
                Tuple.of(1, Arbitraries.integers().between(60, 130))),
            precisions(),
            Arbitraries.longs())
        .as(
            (numbers, function, normalization, width, latents, tokens, precision, seed) ->
                new Case(
                    new EncoderCase(numbers, function, normalization, width, latents, tokens, seed),
                    precision))
        .filter(
            c -> c.encoder().width() > 1 || c.encoder().normalization() == InputNormalization.NONE);
  }

  @Test
  void manyBlocksAreOneRun() {
    Random random = new Random(5);
    SaeWeights weights =
        new SaeWeights(
            5,
            70,
            InputNormalization.LAYER_NORM,
            EncoderCase.gaussian(random, 5, 1),
            EncoderCase.gaussian(random, 350, 1),
            EncoderCase.gaussian(random, 70, 1),
            new ActivationFunction.TopK(3));
    float[] activations = EncoderCase.gaussian(random, 2500 * 5, 1);
    Arrays.fill(activations, 1000 * 5, 1030 * 5, Float.NaN);
    try (SaeEncoder certified = new CertifiedSaeEncoder(weights, ENGINE, new EncoderMeter())) {
      SparseLatents latents = certified.encode(activations);
      assertThat(latents.nonFiniteTokens()).isEqualTo(30);
      assertThat(latents).isEqualTo(new ReferenceSaeEncoder(weights).encode(activations));
    }
  }

  /** More latents or tokens than one product or one strip has; the last group is not full. */
  @ParameterizedTest
  @CsvSource({"40005, 3", "1005, 300", "40005, 300", "105, 2100"})
  void manyProductsAreOneResult(int latents, int tokens) {
    Random random = new Random(9);
    float[] w = EncoderCase.gaussian(random, latents * 8, 1);
    float[] activations = EncoderCase.gaussian(random, tokens * 8, 1);
    for (ActivationFunction function :
        List.of(new ActivationFunction.TopK(5), new ActivationFunction.Relu())) {
      SaeWeights weights =
          new SaeWeights(
              8, latents, InputNormalization.NONE, new float[8], w, new float[latents], function);
      EncoderMeter meter = new EncoderMeter();
      try (SaeEncoder certified = new CertifiedSaeEncoder(weights, ENGINE, meter)) {
        assertThat(certified.encode(activations))
            .isEqualTo(new ReferenceSaeEncoder(weights).encode(activations));
      }
      assertThat(meter.fallbacks()).as("tokens that the reference encoded").isZero();
    }
  }

  @Test
  void anExtremeLatentDoesNotMakeTheOthersCandidates() {
    Random random = new Random(6);
    float[] w = EncoderCase.gaussian(random, 4096 * 64, 1);
    for (int j = 0; j < 64; j++) {
      w[1234 * 64 + j] *= 1e6f;
    }
    SaeWeights weights = topK(64, 4096, 8, w);
    EncoderMeter meter = new EncoderMeter();
    float[] activations = EncoderCase.gaussian(random, 100 * 64, 1);
    try (SaeEncoder certified = new CertifiedSaeEncoder(weights, ENGINE, meter)) {
      assertThat(certified.encode(activations))
          .isEqualTo(new ReferenceSaeEncoder(weights).encode(activations));
    }
    assertThat(meter.candidates()).isLessThan(100 * 60);
    assertThat(meter.fallbacks()).isZero();
  }

  @Test
  void tokensWithTooManyTiesAreLeftToTheReference() {
    SaeWeights weights = topK(2, 20_000, 3, new float[40_000]);
    Arrays.fill(weights.latentBias(), 1f);
    EncoderMeter meter = new EncoderMeter();
    try (SaeEncoder certified = new CertifiedSaeEncoder(weights, ENGINE, meter)) {
      assertThat(certified.encode(new float[4]))
          .isEqualTo(
              new SparseLatents(
                  0,
                  new int[] {0, 3, 6},
                  new int[] {0, 1, 2, 0, 1, 2},
                  new float[] {1, 1, 1, 1, 1, 1}));
    }
    assertThat(meter.fallbacks()).isEqualTo(2);
  }

  @Test
  void aTokenThatOverflowsInOneLatentOnlyIsNonFinite() {
    SaeWeights weights =
        new SaeWeights(
            2,
            3,
            InputNormalization.NONE,
            new float[2],
            new float[] {1, 0, 0, 1, 1, 1},
            new float[3],
            new ActivationFunction.TopK(1));
    float[] activations = {Float.MAX_VALUE, Float.MAX_VALUE, 1, 2};
    try (SaeEncoder certified = new CertifiedSaeEncoder(weights, ENGINE, new EncoderMeter())) {
      assertThat(certified.encode(activations))
          .isEqualTo(new SparseLatents(1, new int[] {0, 0, 1}, new int[] {2}, new float[] {3}));
    }
  }

  @Test
  void refusesPartialTokensAndWidthsBeyondItsProof() {
    SaeWeights wide = relu((1 << 20) + 1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CertifiedSaeEncoder(wide, ENGINE, new EncoderMeter()))
        .withMessage("width: 1048577 (expected: at most 1048576)");
    try (SaeEncoder certified = new CertifiedSaeEncoder(relu(2), ENGINE, new EncoderMeter())) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> certified.encode(new float[3]))
          .withMessage("activations: 3 values (expected: a multiple of the width 2)");
    }
  }

  @Test
  void freesItsTensorsAndLeavesTheEngineOpen() {
    try (LibtorchEngine engine = LibtorchEngine.open(1)) {
      SaeEncoder certified = new CertifiedSaeEncoder(relu(2), engine, new EncoderMeter());
      int held = engine.openTensors();
      certified.encode(new float[] {1, 2});
      assertThat(engine.openTensors()).isEqualTo(held);
      certified.close();
      assertThat(engine.openTensors()).isZero();
      engine.floats(new float[] {1}, 1);
      assertThat(engine.openTensors()).isEqualTo(1);
    }
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

  private static SaeWeights relu(int width) {
    return new SaeWeights(
        width,
        1,
        InputNormalization.NONE,
        new float[width],
        new float[width],
        new float[1],
        new ActivationFunction.Relu());
  }
}
