// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class SaeWeightsTest {
  private static final ActivationFunction RELU = new ActivationFunction.Relu();

  @Test
  void oneValueHasNoSampleStandardDeviation() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> weights(1, 2, InputNormalization.LAYER_NORM, new float[2], RELU))
        .withMessage("width: 1 (expected: >= 2, as one value has no sample standard deviation)");
  }

  @Test
  void lengthsMustFit() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> weights(3, 2, InputNormalization.NONE, new float[5], RELU))
        .withMessage("encoder weights: 5 values (expected: 6)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> weights(0, 2, InputNormalization.NONE, new float[0], RELU))
        .withMessage("width: 0 (expected: >= 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                weights(
                    1,
                    2,
                    InputNormalization.NONE,
                    new float[2],
                    new ActivationFunction.JumpRelu(new float[1])))
        .withMessage("thresholds: 1 values (expected: 2)");
  }

  @Test
  void valuesMustBeFinite() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> weights(1, 2, InputNormalization.NONE, new float[] {0, Float.NaN}, RELU))
        .withMessage("encoder weights: NaN at 1 (expected: finite)");
  }

  @Test
  void kMustNotExceedTheLatents() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                weights(
                    1, 2, InputNormalization.NONE, new float[2], new ActivationFunction.TopK(3)))
        .withMessage("k: 3 (expected: at most the 2 latents)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ActivationFunction.TopK(0))
        .withMessage("k: 0 (expected: >= 1)");
  }

  private static SaeWeights weights(
      int width,
      int latents,
      InputNormalization normalization,
      float[] encoderWeights,
      ActivationFunction function) {
    return new SaeWeights(
        width,
        latents,
        normalization,
        new float[width],
        encoderWeights,
        new float[latents],
        function);
  }
}
