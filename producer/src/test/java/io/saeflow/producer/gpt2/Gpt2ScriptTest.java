// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.Script;
import io.saeflow.kernels.engine.Tensor;
import io.saeflow.kernels.engine.TensorEngine;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Parts of the model at sizes that the tiny model of {@link Gpt2Test} does not have. */
class Gpt2ScriptTest {
  private static final int MOST_ROWS = 700;

  private static TensorEngine engine;
  private static Script script;

  @BeforeAll
  static void open() {
    engine = LibtorchEngine.open(1);
    script = engine.script(Gpt2Script.METHODS);
  }

  @AfterAll
  static void close() {
    script.close();
    engine.close();
  }

  /** One strip of queries, two, the second of one query, and more sequences than go together. */
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 64, 65, 200})
  void attendsToWhatIsNotAhead(int length) {
    int sequences = 5;
    int heads = 2;
    int width = 8;
    float[] x = bfloat16s(new Random(length), sequences * length * 3 * heads * width);
    float[] found;
    try (Tensor input = tensor(ModelDtype.BFLOAT16, x, sequences, length, 3L * heads * width);
        Tensor output = script.call("causal", input, heads).get(0)) {
      found = floats(output);
    }
    assertThat(found).containsExactly(attention(x, sequences, length, heads, width), within(0.03f));
  }

  @ParameterizedTest
  @EnumSource(ModelDtype.class)
  void multipliesByPackedWeights(ModelDtype dtype) {
    int rows = 3;
    int in = 40;
    int out = 24;
    Random random = new Random(1);
    float[] x = bfloat16s(random, rows * in);
    float[] w = bfloat16s(random, out * in);
    float[] b = bfloat16s(random, out);
    float[] products = new float[rows * out];
    float[] gelus = new float[rows * out];
    for (int i = 0; i < products.length; i++) {
      double sum = b[i % out];
      for (int j = 0; j < in; j++) {
        sum += (double) x[i / out * in + j] * w[i % out * in + j];
      }
      products[i] = (float) sum;
      double inner = Math.sqrt(2 / Math.PI) * (sum + 0.044715 * sum * sum * sum);
      gelus[i] = (float) (sum / 2 * (1 + Math.tanh(inner)));
    }
    // A result is rounded to 8 bits, and none here is above 32.
    float tolerance = dtype == ModelDtype.BFLOAT16 ? 0.07f : 2e-5f;
    try (Tensor input = tensor(dtype, x, rows, in);
        Tensor weights = tensor(dtype, w, out, in);
        Tensor packed = script.call("packed", weights).get(0);
        Tensor bias = tensor(dtype, b, out);
        Tensor linear = script.call("linear", input, packed, bias).get(0);
        Tensor gelu = script.call("linear_gelu", input, packed, bias).get(0)) {
      assertThat(floats(linear)).containsExactly(products, within(tolerance));
      assertThat(floats(gelu)).containsExactly(gelus, within(tolerance));
    }
  }

  /** At the widths of a real model, where the engine may divide products in many ways. */
  @ParameterizedTest
  @CsvSource({
    "FLOAT32, 768, 2304", "FLOAT32, 768, 768", "FLOAT32, 768, 3072", "FLOAT32, 3072, 768",
    "BFLOAT16, 768, 2304", "BFLOAT16, 768, 768", "BFLOAT16, 768, 3072", "BFLOAT16, 3072, 768"
  })
  void aRowsBitsDoNotDependOnHowManyThereAre(ModelDtype dtype, int in, int out) {
    Random random = new Random(2);
    float[] x = bfloat16s(random, MOST_ROWS * in);
    try (Tensor weights = tensor(dtype, bfloat16s(random, out * in), out, in);
        Tensor packed = script.call("packed", weights).get(0);
        Tensor bias = tensor(dtype, bfloat16s(random, out), out)) {
      for (String product : List.of("linear", "linear_gelu")) {
        float[] all = rows(product, dtype, x, MOST_ROWS, packed, bias);
        for (int rows : new int[] {1, 2, 3, 16, 33, 256, 512}) {
          assertThat(rows(product, dtype, x, rows, packed, bias))
              .as("%s, %d rows", product, rows)
              .isEqualTo(Arrays.copyOf(all, rows * out));
        }
      }
    }
  }

  /** Else the tests here would try what a model does on a GPU only. */
  @ParameterizedTest
  @EnumSource(ModelDtype.class)
  void packsWeights(ModelDtype dtype) {
    String methods =
        """
          def is_packed(self: __torch__.Script, w: Tensor) -> Tensor:
            if ops.prim.is_mkldnn(w):
              y = torch.ones([1])
            else:
              y = torch.zeros([1])
            return y
          def bfloat16_is_supported(self: __torch__.Script) -> Tensor:
            if ops.mkldnn._is_mkldnn_bf16_supported():
              y = torch.ones([1])
            else:
              y = torch.zeros([1])
            return y
        """;
    try (Script questions = engine.script(methods);
        Tensor supported = questions.call("bfloat16_is_supported").get(0);
        Tensor weights = tensor(dtype, new float[24 * 40], 24, 40);
        Tensor packed = script.call("packed", weights).get(0);
        Tensor answer = questions.call("is_packed", packed).get(0)) {
      assumeTrue(
          dtype == ModelDtype.FLOAT32 || floats(supported)[0] == 1,
          "this processor multiplies no bfloat16 in oneDNN");
      assertThat(floats(answer)).containsExactly(1);
    }
  }

  @Test
  void attentionDoesNotLookAhead() {
    int length = 130;
    int width = 3 * 12 * 64;
    for (int changed : new int[] {1, 63, 64, 100, 128, 129}) {
      float[] x = bfloat16s(new Random(4), length * width);
      float[] before = causal(x, 1, length, width);
      for (int i = changed * width; i < x.length; i++) {
        x[i] = -2 * x[i] + 1;
      }
      float[] after = causal(x, 1, length, width);
      int untouched = changed * width / 3;
      assertThat(Arrays.copyOf(after, untouched))
          .as("before token %d", changed)
          .isEqualTo(Arrays.copyOf(before, untouched));
      assertThat(Arrays.copyOfRange(after, untouched, untouched + width / 3))
          .isNotEqualTo(Arrays.copyOfRange(before, untouched, untouched + width / 3));
    }
  }

  @Test
  void aSequencesAttentionDoesNotDependOnThoseBesideIt() {
    int length = 100;
    int width = 3 * 12 * 64;
    float[] x = bfloat16s(new Random(3), 5 * length * width);
    float[] all = causal(x, 5, length, width);
    for (int sequences = 1; sequences < 5; sequences++) {
      assertThat(causal(x, sequences, length, width))
          .as("%d sequences", sequences)
          .isEqualTo(Arrays.copyOf(all, sequences * length * width / 3));
    }
  }

  private static float[] causal(float[] x, int sequences, int length, int width) {
    float[] values = Arrays.copyOf(x, sequences * length * width);
    try (Tensor input = tensor(ModelDtype.BFLOAT16, values, sequences, length, width);
        Tensor output = script.call("causal", input, 12).get(0)) {
      return floats(output);
    }
  }

  private static float[] rows(
      String product, ModelDtype dtype, float[] x, int count, Tensor weights, Tensor bias) {
    int in = x.length / MOST_ROWS;
    try (Tensor input = tensor(dtype, Arrays.copyOf(x, count * in), count, in);
        Tensor output = script.call(product, input, weights, bias).get(0)) {
      return floats(output);
    }
  }

  /** {@code x} is [sequences, length, 3, heads, width], the result without the 3. */
  private static float[] attention(float[] x, int sequences, int length, int heads, int width) {
    float[] result = new float[sequences * length * heads * width];
    double[] weights = new double[length];
    for (int s = 0; s < sequences; s++) {
      for (int h = 0; h < heads; h++) {
        for (int query = 0; query < length; query++) {
          int q = ((s * length + query) * 3 * heads + h) * width;
          double sum = 0;
          for (int key = 0; key <= query; key++) {
            int k = ((s * length + key) * 3 * heads + heads + h) * width;
            double score = 0;
            for (int i = 0; i < width; i++) {
              score += (double) x[q + i] * x[k + i];
            }
            weights[key] = Math.exp(score / Math.sqrt(width));
            sum += weights[key];
          }
          for (int i = 0; i < width; i++) {
            double value = 0;
            for (int key = 0; key <= query; key++) {
              int v = ((s * length + key) * 3 * heads + 2 * heads + h) * width;
              value += weights[key] / sum * x[v + i];
            }
            result[((s * length + query) * heads + h) * width + i] = (float) value;
          }
        }
      }
    }
    return result;
  }

  private static Tensor tensor(ModelDtype dtype, float[] values, long... shape) {
    try (Tensor floats = engine.floats(values, shape)) {
      return script.call(dtype.id(), floats).get(0);
    }
  }

  private static float[] floats(Tensor tensor) {
    try (Tensor floats = script.call("float32", tensor).get(0)) {
      float[] values = new float[floats.floats().remaining()];
      floats.copyTo(values);
      return values;
    }
  }

  /** Normally distributed, but for their last bits. */
  private static float[] bfloat16s(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      int bits = Float.floatToRawIntBits((float) random.nextGaussian());
      values[i] = Float.intBitsToFloat(bits & 0xffff0000);
    }
    return values;
  }
}
