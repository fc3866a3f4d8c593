// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.util.Arrays;
import java.util.Random;

/**
 * An autoencoder and activations drawn from a seed, for tests that hold encoders against the
 * reference.
 *
 * @param width D
 * @param latents n
 */
public record EncoderCase(
    Numbers numbers,
    Function function,
    InputNormalization normalization,
    int width,
    int latents,
    int tokens,
    long seed) {
  /** What the numbers look like. Each is a way to get near-ties or wide error bounds. */
  public enum Numbers {
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

  public enum Function {
    IDENTITY,
    RELU,
    JUMP_RELU,
    TOP_K
  }

  /** What a case comes to, and what the reference makes of it. */
  public record Drawn(SaeWeights weights, float[] activations) {
    public SparseLatents expected() {
      return new ReferenceSaeEncoder(weights).encode(activations);
    }
  }

  /** The same every time. */
  public Drawn draw() {
    Random random = new Random(seed);
    float[] activations = activations(random);
    return new Drawn(weights(random, activations), activations);
  }

  private float[] activations(Random random) {
    float[] x = gaussian(random, tokens * width, 1);
    for (int i = 0; i < x.length; i++) {
      int dimension = i % width;
      int token = i / width;
      switch (numbers) {
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

  private SaeWeights weights(Random random, float[] activations) {
    float[] w = gaussian(random, latents * width, 1);
    float[] bias = gaussian(random, latents, numbers == Numbers.TINY ? 0x1p-140f : 0.3f);
    for (int i = 1; i < latents; i++) {
      if (numbers == Numbers.DUPLICATES && i % 3 != 0) {
        System.arraycopy(w, 0, w, i * width, width);
        bias[i] = bias[0];
      }
      if (numbers == Numbers.PERMUTATIONS) {
        for (int j = 0; j < width; j++) {
          w[i * width + j] = w[(j + i) % width];
        }
        bias[i] = bias[0];
      }
    }
    for (int i = 0; i < w.length; i++) {
      switch (numbers) {
        case INTEGERS -> w[i] = random.nextInt(3) - 1;
        case EXTREME_LATENT -> w[i] *= i / width == latents / 2 ? 1e6f : 1;
        case TINY -> w[i] *= 0x1p-70f;
        case HUGE -> w[i] *= 0x1p62f;
        case NEGATIVE -> w[i] = -Math.abs(w[i]);
        default -> {}
      }
    }
    if (numbers == Numbers.INTEGERS || numbers == Numbers.NEGATIVE) {
      Arrays.fill(bias, 0f);
    }
    float[] inputBias =
        random.nextBoolean() || numbers == Numbers.INTEGERS || numbers == Numbers.PERMUTATIONS
            ? new float[width]
            : gaussian(random, width, numbers == Numbers.TINY ? 0x1p-80f : 0.1f);
    ActivationFunction activationFunction =
        switch (function) {
          case IDENTITY -> new ActivationFunction.Identity();
          case RELU -> new ActivationFunction.Relu();
          case JUMP_RELU ->
              new ActivationFunction.JumpRelu(thresholds(random, activations, inputBias, w, bias));
          case TOP_K ->
              new ActivationFunction.TopK(
                  1 + random.nextInt(random.nextBoolean() ? latents : Math.min(latents, 8)));
        };
    return new SaeWeights(width, latents, normalization, inputBias, w, bias, activationFunction);
  }

  /**
   * Most of them are pre-activations of the first token, or just below, where "above" and "equal"
   * part.
   */
  private float[] thresholds(
      Random random, float[] activations, float[] inputBias, float[] w, float[] bias) {
    float[] thresholds = gaussian(random, latents, numbers == Numbers.TINY ? 0x1p-130f : 1);
    if (tokens > 0) {
      SaeWeights identity =
          new SaeWeights(
              width, latents, normalization, inputBias, w, bias, new ActivationFunction.Identity());
      SparseLatents pre =
          new ReferenceSaeEncoder(identity).encode(Arrays.copyOf(activations, width));
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

  static float[] gaussian(Random random, int length, float scale) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian() * scale;
    }
    return values;
  }
}
