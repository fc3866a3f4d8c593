// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.Script;
import io.saeflow.kernels.engine.Tensor;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InputRowsTest {
  @Test
  void withoutNormalizationOnlyTheBiasIsSubtracted() {
    float[] rows = {9, 9, 9, 9};
    boolean finite =
        rows(InputNormalization.NONE, 0.5f, -1f).prepare(new float[] {7, 1, 2}, 1, rows, 2);
    assertThat(finite).isTrue();
    assertThat(rows).containsExactly(9, 9, 0.5f, 3);
  }

  @Test
  void layerNormDividesByTheSampleStandardDeviationPlusEpsilon() {
    float[] rows = new float[4];
    // Mean 5; deviations -3, -1, 1, 3; sample variance 20 / 3.
    float scale = (float) Math.sqrt(20 / 3.0) + 1e-5f;
    boolean finite =
        rows(InputNormalization.LAYER_NORM, 0, 1, 0, 0)
            .prepare(new float[] {2, 4, 6, 8}, 0, rows, 0);
    assertThat(finite).isTrue();
    assertThat(rows).containsExactly(-3 / scale, -1 / scale - 1, 1 / scale, 3 / scale);
  }

  @Test
  void aConstantRowNormalizesToZero() {
    float[] rows = new float[3];
    boolean finite =
        rows(InputNormalization.LAYER_NORM, 0, 0, 2)
            .prepare(new float[] {0.1f, 0.1f, 0.1f}, 0, rows, 0);
    assertThat(finite).isTrue();
    assertThat(rows).containsExactly(0, 0, -2);
  }

  @Test
  void layerNormAgreesWithTorch() {
    int width = 100;
    int tokens = 50;
    Random random = new Random(1);
    float[] activations = new float[tokens * width];
    for (int i = 0; i < activations.length; i++) {
      activations[i] = (float) (random.nextGaussian() * (i % width == 7 ? 300 : 2) + 3);
    }
    float[] rows = new float[activations.length];
    InputRows inputRows = rows(InputNormalization.LAYER_NORM, new float[width]);
    for (int t = 0; t < tokens; t++) {
      assertThat(inputRows.prepare(activations, t * width, rows, t * width)).isTrue();
    }
    float[] expected = new float[activations.length];
    try (LibtorchEngine engine = LibtorchEngine.open(1);
        Script script =
            engine.script(
                """
                  def normalize(self: __torch__.Script, x: Tensor) -> Tensor:
                    c = torch.sub(x, torch.mean(x, [-1], True))
                    return torch.div(c, torch.add(torch.std(c, [-1], True, True), 1e-5))
                """);
        Tensor x = engine.floats(activations, tokens, width);
        Tensor y = script.call("normalize", x).get(0)) {
      y.copyTo(expected);
    }
    assertThat(rows).containsExactly(expected, within(2e-6f));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void nonFiniteActivationsAreFound(float value) {
    for (InputNormalization normalization : InputNormalization.values()) {
      InputRows inputRows = rows(normalization, 0, 0, 0);
      for (int j = 0; j < 3; j++) {
        float[] activations = {1, 2, 3};
        activations[j] = value;
        assertThat(inputRows.prepare(activations, 0, new float[3], 0)).isFalse();
      }
    }
  }

  @Test
  void overflowOnTheWayIsFound() {
    float[] huge = {Float.MAX_VALUE, -Float.MAX_VALUE, Float.MAX_VALUE, -Float.MAX_VALUE};
    assertThat(rows(InputNormalization.LAYER_NORM, 0, 0, 0, 0).prepare(huge, 0, new float[4], 0))
        .isFalse();
    assertThat(rows(InputNormalization.NONE, -Float.MAX_VALUE, 0).prepare(huge, 0, new float[2], 0))
        .isFalse();
    assertThat(rows(InputNormalization.NONE, 0, 0).prepare(huge, 0, new float[2], 0)).isTrue();
  }

  private static InputRows rows(InputNormalization normalization, float... inputBias) {
    int width = inputBias.length;
    return new InputRows(
        new SaeWeights(
            width,
            1,
            normalization,
            inputBias,
            new float[width],
            new float[1],
            new ActivationFunction.Relu()));
  }
}
