// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

/**
 * The encoder half of a sparse autoencoder. Arrays are shared, not copied.
 *
 * <p>{@code pre(i) = dot(normalize(x) - inputBias, encoderWeights[i]) + latentBias[i]}
 */
public final class SaeWeights {
  private final int width;
  private final int latents;
  private final InputNormalization normalization;
  private final float[] inputBias;
  private final float[] encoderWeights;
  private final float[] latentBias;
  private final ActivationFunction activationFunction;

  /**
   * @param width D, the width of the activations it reads
   * @param latents n
   * @param inputBias [D], subtracted from the normalised input; zeros if there is none
   * @param encoderWeights [n, D], row-major: row i belongs to latent i
   * @param latentBias [n]
   * @throws IllegalArgumentException if a length does not fit, a value is not finite, k exceeds n,
   *     or the width is 1 with {@link InputNormalization#LAYER_NORM}
   */
  public SaeWeights(
      int width,
      int latents,
      InputNormalization normalization,
      float[] inputBias,
      float[] encoderWeights,
      float[] latentBias,
      ActivationFunction activationFunction) {
    require("width", width, width >= 1);
    require("latents", latents, latents >= 1);
    if (normalization == InputNormalization.LAYER_NORM && width == 1) {
      throw new IllegalArgumentException(
          "width: 1 (expected: >= 2, as one value has no sample standard deviation)");
    }
    requireFinite("input bias", inputBias, width);
    requireFinite("encoder weights", encoderWeights, (long) latents * width);
    requireFinite("latent bias", latentBias, latents);
    if (activationFunction instanceof ActivationFunction.TopK topK && topK.k() > latents) {
      throw new IllegalArgumentException(
          "k: %d (expected: at most the %d latents)".formatted(topK.k(), latents));
    }
    if (activationFunction instanceof ActivationFunction.JumpRelu jumpRelu) {
      requireFinite("thresholds", jumpRelu.thresholds(), latents);
    }
    this.width = width;
    this.latents = latents;
    this.normalization = normalization;
    this.inputBias = inputBias;
    this.encoderWeights = encoderWeights;
    this.latentBias = latentBias;
    this.activationFunction = activationFunction;
  }

  /** D. */
  public int width() {
    return width;
  }

  /** n. */
  public int latents() {
    return latents;
  }

  /** What is done to a token's activations before anything else. */
  public InputNormalization normalization() {
    return normalization;
  }

  /** [D]; shared. */
  public float[] inputBias() {
    return inputBias;
  }

  /** [n, D], row-major; shared. */
  public float[] encoderWeights() {
    return encoderWeights;
  }

  /** [n]; shared. */
  public float[] latentBias() {
    return latentBias;
  }

  /** What makes latents of pre-activations. */
  public ActivationFunction activationFunction() {
    return activationFunction;
  }

  /**
   * How many tokens there are in activations of this width.
   *
   * @throws IllegalArgumentException if the length is not a multiple of the width
   */
  public int tokens(float[] activations) {
    if (activations.length % width != 0) {
      throw new IllegalArgumentException(
          "activations: %d values (expected: a multiple of the width %d)"
              .formatted(activations.length, width));
    }
    return activations.length / width;
  }

  private static void require(String what, int value, boolean valid) {
    if (!valid) {
      throw new IllegalArgumentException("%s: %d (expected: >= 1)".formatted(what, value));
    }
  }

  private static void requireFinite(String what, float[] values, long length) {
    if (values.length != length) {
      throw new IllegalArgumentException(
          "%s: %d values (expected: %d)".formatted(what, values.length, length));
    }
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            "%s: %s at %d (expected: finite)".formatted(what, values[i], i));
      }
    }
  }
}
