// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.saeflow.kernels.engine.LibtorchEngine;
import java.util.Arrays;
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

class CertifiedSaeEncoderTest {
  private static final LibtorchEngine ENGINE = LibtorchEngine.open(2);

  /** What the numbers look like. Each is a way to get near-ties or wide error bounds. */
  enum Numbers {
    GAUSSIAN,
    /** Every latent occurs twice or more: exact ties. */
    DUPLICATES,
    /**
     * Latents are permutations of one another and the activation is constant, so that all
     * pre-activations are equal but for rounding.
     */
    PERMUTATIONS,
    /** Few distinct small integers: exact sums, many ties, many zeros. */
    INTEGERS,
    /** Two dimensions are 10^4 times the others. */
    OUTLIERS,
    /** Rows are small differences from one that is far from zero. */
    FAR,
    /** One latent's weights are 10^6 times the others'. */
    EXTREME_LATENT,
    /** Products and sums underflow. */
    TINY,
    /** Sums overflow now and then. */
    HUGE,
    /** Rows of zeros, so that the biases decide. */
    ZERO_ROWS,
    /** All pre-activations are negative. */
    NEGATIVE,
    /** One activation in a hundred is NaN or infinite. */
    NON_FINITE
  }

  enum Function {
    IDENTITY,
    RELU,
    JUMP_RELU,
    TOP_K
  }

  record Case(
      Numbers numbers,
      Function function,
      InputNormalization normalization,
      int width,
      int latents,
      int tokens,
      ScorePrecision precision,
      long seed) {}

  @Property(tries = 600, shrinking = ShrinkingMode.OFF)
  void equalsTheReference(@ForAll("cases") Case c) {
    Random random = new Random(c.seed());
    float[] activations = activations(c, random);
    SaeWeights weights = weights(c, random, activations);
    try (SaeEncoder reference = new ReferenceSaeEncoder(weights);
        SaeEncoder certified =
            new CertifiedSaeEncoder(weights, ENGINE, new EncoderMeter(), c.precision())) {
      SparseLatents expected = reference.encode(activations);
      assertThat(certified.encode(activations)).isEqualTo(expected);
      assertThat(certified.encode(activations)).isEqualTo(expected);
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
                    Numbers.PERMUTATIONS,
                    function,
                    InputNormalization.NONE,
                    width,
                    latents,
                    5,
                    precision,
                    seed));
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
        .as(Case::new)
        .filter(c -> c.width() > 1 || c.normalization() == InputNormalization.NONE);
  }

  @Test
  void manyBlocksAreOneRun() {
    Random random = new Random(5);
    SaeWeights weights =
        new SaeWeights(
            5,
            70,
            InputNormalization.LAYER_NORM,
            gaussian(random, 5, 1),
            gaussian(random, 350, 1),
            gaussian(random, 70, 1),
            new ActivationFunction.TopK(3));
    float[] activations = gaussian(random, 2500 * 5, 1);
    Arrays.fill(activations, 1000 * 5, 1030 * 5, Float.NaN);
    try (SaeEncoder certified = new CertifiedSaeEncoder(weights, ENGINE, new EncoderMeter())) {
      SparseLatents latents = certified.encode(activations);
      assertThat(latents.nonFiniteTokens()).isEqualTo(30);
      assertThat(latents).isEqualTo(new ReferenceSaeEncoder(weights).encode(activations));
    }
  }

  @Test
  void anExtremeLatentDoesNotMakeTheOthersCandidates() {
    Random random = new Random(6);
    float[] w = gaussian(random, 4096 * 64, 1);
    for (int j = 0; j < 64; j++) {
      w[1234 * 64 + j] *= 1e6f;
    }
    SaeWeights weights = topK(64, 4096, 8, w);
    EncoderMeter meter = new EncoderMeter();
    float[] activations = gaussian(random, 100 * 64, 1);
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

  private static float[] activations(Case c, Random random) {
    float[] x = gaussian(random, c.tokens() * c.width(), 1);
    for (int i = 0; i < x.length; i++) {
      int dimension = i % c.width();
      int token = i / c.width();
      switch (c.numbers()) {
        case PERMUTATIONS -> x[i] = 0.7f + token;
        case INTEGERS -> x[i] = random.nextInt(5) - 2;
        case OUTLIERS -> x[i] *= dimension < 2 ? 1e4f : 1;
        case FAR -> x[i] += 50 * (dimension % 7 - 3);
        case TINY -> x[i] *= 0x1p-70f;
        case HUGE -> x[i] *= token % 2 == 0 ? 0x1p62f : 0x1p58f;
        case ZERO_ROWS -> x[i] = token % 2 == 0 ? 0 : -0f;
        case NEGATIVE -> x[i] = Math.abs(x[i]);
        case NON_FINITE -> {
          if (random.nextInt(100) == 0) {
            x[i] = random.nextBoolean() ? Float.NaN : Float.POSITIVE_INFINITY;
          }
        }
        case GAUSSIAN, DUPLICATES, EXTREME_LATENT -> {}
      }
    }
    return x;
  }

  private static SaeWeights weights(Case c, Random random, float[] activations) {
    int width = c.width();
    int latents = c.latents();
    float[] w = gaussian(random, latents * width, 1);
    float[] bias = gaussian(random, latents, c.numbers() == Numbers.TINY ? 0x1p-140f : 0.3f);
    for (int i = 1; i < latents; i++) {
      if (c.numbers() == Numbers.DUPLICATES && i % 3 != 0) {
        System.arraycopy(w, 0, w, i * width, width);
        bias[i] = bias[0];
      }
      if (c.numbers() == Numbers.PERMUTATIONS) {
        for (int j = 0; j < width; j++) {
          w[i * width + j] = w[(j + i) % width];
        }
        bias[i] = bias[0];
      }
    }
    for (int i = 0; i < w.length; i++) {
      switch (c.numbers()) {
        case INTEGERS -> w[i] = random.nextInt(3) - 1;
        case EXTREME_LATENT -> w[i] *= i / width == latents / 2 ? 1e6f : 1;
        case TINY -> w[i] *= 0x1p-70f;
        case HUGE -> w[i] *= 0x1p62f;
        case NEGATIVE -> w[i] = -Math.abs(w[i]);
        default -> {}
      }
    }
    if (c.numbers() == Numbers.INTEGERS || c.numbers() == Numbers.NEGATIVE) {
      Arrays.fill(bias, 0f);
    }
    float[] inputBias =
        random.nextBoolean()
                || c.numbers() == Numbers.INTEGERS
                || c.numbers() == Numbers.PERMUTATIONS
            ? new float[width]
            : gaussian(random, width, c.numbers() == Numbers.TINY ? 0x1p-80f : 0.1f);
    ActivationFunction function =
        switch (c.function()) {
          case IDENTITY -> new ActivationFunction.Identity();
          case RELU -> new ActivationFunction.Relu();
          case JUMP_RELU ->
              new ActivationFunction.JumpRelu(
                  thresholds(c, random, activations, inputBias, w, bias));
          case TOP_K ->
              new ActivationFunction.TopK(
                  1 + random.nextInt(random.nextBoolean() ? latents : Math.min(latents, 8)));
        };
    return new SaeWeights(width, latents, c.normalization(), inputBias, w, bias, function);
  }

  /**
   * Most of them are pre-activations of the first token, or just below, where "above" and "equal"
   * part.
   */
  private static float[] thresholds(
      Case c, Random random, float[] activations, float[] inputBias, float[] w, float[] bias) {
    float[] thresholds = gaussian(random, c.latents(), c.numbers() == Numbers.TINY ? 0x1p-130f : 1);
    if (c.tokens() > 0) {
      SaeWeights identity =
          new SaeWeights(
              c.width(),
              c.latents(),
              c.normalization(),
              inputBias,
              w,
              bias,
              new ActivationFunction.Identity());
      SparseLatents pre =
          new ReferenceSaeEncoder(identity).encode(Arrays.copyOf(activations, c.width()));
      for (int e = 0; e < pre.values().length; e++) {
        float value = pre.values()[e];
        switch (random.nextInt(4)) {
          case 0 -> thresholds[pre.latents()[e]] = value;
          case 1, 2 -> thresholds[pre.latents()[e]] = Math.nextDown(value);
          default -> {}
        }
      }
    }
    return thresholds;
  }

  private static float[] gaussian(Random random, int length, float scale) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian() * scale;
    }
    return values;
  }
}
