// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LibtorchEngineTest {
  private static final String METHODS =
      """
        def linear(self: __torch__.Script, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
          return torch.linear(x, w, b)
        def gelu(self: __torch__.Script, x: Tensor) -> Tensor:
          return torch.gelu(x, approximate="tanh")
        def layer_norm(self: __torch__.Script, x: Tensor, w: Tensor, b: Tensor, eps: float) -> Tensor:
          return torch.layer_norm(x, [torch.size(x, -1)], w, b, eps)
        def attention(self: __torch__.Script, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
          return torch.scaled_dot_product_attention(q, k, v, None, 0., causal)
        def topk(self: __torch__.Script, x: Tensor, k: int) -> Tuple[Tensor, Tensor]:
          v, i = torch.topk(x, k, -1, True, True)
          return (v, i)
        def transpose(self: __torch__.Script, x: Tensor) -> Tensor:
          return torch.transpose(x, 0, 1)
        def same(self: __torch__.Script, x: Tensor) -> Tensor:
          return x
        def sum(self: __torch__.Script, xs: List[Tensor]) -> Tensor:
          y = xs[0]
          for i in range(1, torch.len(xs)):
            y = torch.add(y, xs[i])
          return y
        def halves(self: __torch__.Script, x: Tensor) -> List[Tensor]:
          return torch.split(x, torch.floordiv(torch.size(x, 0), 2), 0)
        def half(self: __torch__.Script, x: Tensor) -> Tensor:
          return torch.to(x, 5)
        def float(self: __torch__.Script, x: Tensor) -> Tensor:
          return torch.to(x, 6)
        def mixed(self: __torch__.Script, x: Tensor) -> Tuple[Tensor, int]:
          return (x, 1)
        def count(self: __torch__.Script, x: Tensor) -> int:
          return torch.len(x)
      """;

  private final LibtorchEngine engine = LibtorchEngine.open(1);

  @AfterEach
  void closeEngine() {
    engine.close();
  }

  @Test
  void linearMultipliesByTheTransposedWeightsAndAddsTheBias() {
    try (Script script = engine.script(METHODS);
        Tensor x = engine.floats(new float[] {1, 2, 3, -1, 0, 1}, 2, 3);
        Tensor w = engine.floats(new float[] {1, 0, 2, -1, 3, 0.5f}, 2, 3);
        Tensor b = engine.floats(new float[] {10, 20}, 2);
        Tensor y = script.call("linear", x, w, b).get(0)) {
      assertThat(y.shape()).containsExactly(2, 2);
      assertThat(floats(y)).containsExactly(1 + 6 + 10, -1 + 6 + 1.5f + 20, -1 + 2 + 10, 21.5f);
    }
  }

  @Test
  void geluIsTheTanhForm() {
    float[] x = {-3, -1, 0, 0.5f, 2};
    float[] expected = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      double v = x[i];
      expected[i] =
          (float) (v / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))));
    }
    try (Script script = engine.script(METHODS);
        Tensor input = engine.floats(x, 5);
        Tensor y = script.call("gelu", input).get(0)) {
      assertThat(floats(y)).containsExactly(expected, within(1e-6f));
    }
  }

  @Test
  void layerNormUsesThePopulationVarianceWithEpsilonInsideTheRoot() {
    // Mean 3, population variance 2.
    double scale = 1 / Math.sqrt(2 + 0.5);
    float[] expected = {
      (float) (-2 * scale * 2 + 1), (float) -scale, 3f, (float) scale, (float) (4 * scale)
    };
    try (Script script = engine.script(METHODS);
        Tensor x = engine.floats(new float[] {1, 2, 3, 4, 5}, 1, 5);
        Tensor w = engine.floats(new float[] {2, 1, 1, 1, 2}, 5);
        Tensor b = engine.floats(new float[] {1, 0, 3, 0, 0}, 5);
        Tensor y = script.call("layer_norm", x, w, b, 0.5).get(0)) {
      assertThat(floats(y)).containsExactly(expected, within(1e-6f));
    }
  }

  @Test
  void attentionScalesMasksAndAverages() {
    float[] q = {1, 2, -1, 0.5f};
    float[] k = {0.5f, 1, 2, -1};
    float[] v = {1, 10, 3, -10};
    // One head of width 2 and two positions; the first sees itself only.
    double second = (-1 * 0.5 + 0.5 * 1) / Math.sqrt(2);
    double first = Math.exp(second) / (Math.exp(second) + Math.exp((-2 - 0.5) / Math.sqrt(2)));
    float[] expected = {
      1, 10, (float) (first + 3 * (1 - first)), (float) (10 * first - 10 * (1 - first))
    };
    try (Script script = engine.script(METHODS);
        Tensor qs = engine.floats(q, 1, 1, 2, 2);
        Tensor ks = engine.floats(k, 1, 1, 2, 2);
        Tensor vs = engine.floats(v, 1, 1, 2, 2);
        Tensor y = script.call("attention", qs, ks, vs, true).get(0)) {
      assertThat(floats(y)).containsExactly(expected, within(1e-5f));
    }
  }

  @Test
  void tuplesBecomeListsOfTensors() {
    try (Script script = engine.script(METHODS);
        Tensor x = engine.floats(new float[] {0, 5, -1, 3, 7, 7.5f, 6, 1}, 2, 4)) {
      List<Tensor> results = script.call("topk", x, 2L);
      long[] indices = new long[4];
      results.get(1).copyTo(indices);
      assertThat(results).hasSize(2);
      assertThat(floats(results.get(0))).containsExactly(5, 3, 7.5f, 7);
      assertThat(indices).containsExactly(1, 3, 1, 0);
      results.forEach(Tensor::close);
    }
  }

  @Test
  void stridedResultsAreReadRowMajor() {
    try (Script script = engine.script(METHODS);
        Tensor x = engine.floats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
        Tensor y = script.call("transpose", x).get(0)) {
      assertThat(y.shape()).containsExactly(3, 2);
      assertThat(floats(y)).containsExactly(1, 4, 2, 5, 3, 6);
      assertThat(y.floats().get(1)).isEqualTo(4);
    }
  }

  @Test
  void resultsOutliveTheArgumentsTheyAlias() {
    try (Script script = engine.script(METHODS)) {
      Tensor x = engine.floats(new float[] {1, 2}, 2);
      try (Tensor y = script.call("same", x).get(0)) {
        x.close();
        assertThat(floats(y)).containsExactly(1, 2);
      }
    }
  }

  @Test
  void listsGoInAndOut() {
    try (Script script = engine.script(METHODS);
        Tensor x = engine.floats(new float[] {1, 2, 3, 4}, 4)) {
      List<Tensor> halves = script.call("halves", x);
      try (Tensor sum = script.call("sum", halves).get(0)) {
        assertThat(floats(sum)).containsExactly(4, 6);
      }
      halves.forEach(Tensor::close);
    }
  }

  @Test
  void otherTypesCanOnlyBePassedOn() {
    try (Script script = engine.script(METHODS);
        Tensor x = engine.floats(new float[] {1.0002441f, 2}, 2);
        Tensor half = script.call("half", x).get(0);
        Tensor back = script.call("float", half).get(0)) {
      assertThatIllegalStateException()
          .isThrownBy(half::floats)
          .withMessageContaining("(expected: float32)");
      assertThat(floats(back)).containsExactly(1, 2);
    }
  }

  @Test
  void buffersOfEitherOrderAreCopiedFromTheirPosition() {
    for (ByteOrder order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
      FloatBuffer buffer = ByteBuffer.allocateDirect(12).order(order).asFloatBuffer();
      buffer.put(new float[] {1, 2, 3}).position(1);
      try (Tensor x = engine.floats(buffer, 1, 2)) {
        assertThat(floats(x)).containsExactly(2, 3);
        assertThat(buffer.position()).isEqualTo(1);
      }
    }
  }

  @Test
  void emptyTensorsAreFine() {
    try (Tensor x = engine.floats(new float[0], 0, 3)) {
      assertThat(x.shape()).containsExactly(0, 3);
      assertThat(floats(x)).isEmpty();
    }
  }

  @Test
  void nothingStaysBehind() {
    try (Script script = engine.script(METHODS)) {
      assertThat(engine.openTensors()).isZero();
      try (Tensor x = engine.floats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3)) {
        Tensor y = script.call("transpose", x).get(0);
        assertThat(floats(y)).hasSize(6);
        y.close();
        script.call("topk", x, 1).forEach(Tensor::close);
        script.call("sum", List.of(x, x)).forEach(Tensor::close);
        assertThatIllegalStateException().isThrownBy(() -> script.call("topk", x, 4));
        assertThatIllegalStateException().isThrownBy(() -> script.call("mixed", x));
      }
      assertThat(engine.openTensors()).isZero();
    }
  }

  @Test
  void sourceThatDoesNotCompileIsRefusedWithItsLine() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                engine.script(
                    """
                      def f(self: __torch__.Script, x: Tensor) -> Tensor:
                        return torch.no_such_operator(x)
                    """))
        .withMessageContaining("no_such_operator(x)")
        .withMessageNotContaining("Exception raised from");
  }

  @Test
  void failuresCarryTorchsMessage() {
    try (Script script = engine.script(METHODS);
        Tensor x = engine.floats(new float[] {1, 2, 3}, 1, 3);
        Tensor w = engine.floats(new float[] {1, 2}, 1, 2);
        Tensor b = engine.floats(new float[] {0}, 1)) {
      assertThatIllegalStateException()
          .isThrownBy(() -> script.call("linear", x, w, b))
          .withMessageStartingWith("script method linear: ")
          .withMessageContaining("mat1 and mat2 shapes cannot be multiplied (1x3 and 2x1)");
      assertThatIllegalStateException()
          .isThrownBy(() -> script.call("no_such_method", x))
          .withMessageContaining("no_such_method");
      assertThatIllegalStateException()
          .isThrownBy(() -> script.call("count", x))
          .withMessage(
              "script method count: returned int (expected: a tensor, a list or a tuple of tensors)");
    }
  }

  @Test
  void argumentsOfOtherKindsAreRefused() {
    try (Script script = engine.script(METHODS);
        Tensor x = engine.floats(new float[] {1}, 1)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> script.call("topk", x, "2"))
          .withMessageStartingWith("script method topk, argument 1: java.lang.String (expected: ");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> script.call("sum", List.of(x, 1L)))
          .withMessageStartingWith("script method sum, argument 0: java.lang.Long (expected: ");
      assertThatIllegalStateException()
          .isThrownBy(() -> script.call("gelu", 1L))
          .withMessageContaining("gelu");
    }
  }

  @Test
  void shapesMustFitTheValues() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> engine.floats(new float[5], 2, 3))
        .withMessage("shape: [2, 3] for 5 values (expected: 6)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> engine.longs(new long[6], -2, -3))
        .withMessage("shape: [-2, -3] (expected: nothing negative)");
    try (Tensor x = engine.floats(new float[2], 2)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> x.copyTo(new float[3]))
          .withMessage("destination: 3 values (expected: 2)");
      assertThatIllegalStateException()
          .isThrownBy(() -> x.copyTo(new long[2]))
          .withMessage("tensor: float32 (expected: int64)");
    }
  }

  @Test
  void nothingWorksAfterClose() {
    Script script = engine.script(METHODS);
    Tensor x = engine.floats(new float[] {1}, 1);
    x.close();
    x.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> script.call("gelu", x))
        .withMessage("tensor: closed (expected: open)");
    script.close();
    script.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> script.call("gelu", x))
        .withMessage("script: closed (expected: open)");
    Tensor y = engine.floats(new float[] {1}, 1);
    engine.close();
    engine.close();
    assertThatIllegalStateException()
        .isThrownBy(y::floats)
        .withMessage("tensor: closed (expected: open)");
    y.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> engine.floats(new float[] {1}, 1))
        .withMessage("engine: closed (expected: open)");
    assertThatIllegalStateException().isThrownBy(() -> engine.script(METHODS));
  }

  @Test
  void enginesDoNotShareTheirTensors() {
    try (LibtorchEngine other = LibtorchEngine.open(2)) {
      Tensor mine = engine.floats(new float[] {1}, 1);
      other.floats(new float[] {1}, 1);
      other.close();
      assertThat(floats(mine)).containsExactly(1);
    }
  }

  @Test
  void oneScriptServesSeveralThreads() throws InterruptedException, ExecutionException {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try (Script script = engine.script(METHODS);
        Tensor w = engine.floats(new float[] {2}, 1, 1);
        Tensor b = engine.floats(new float[] {1}, 1)) {
      List<Future<Float>> results =
          IntStream.range(0, 40)
              .mapToObj(
                  i ->
                      threads.submit(
                          () -> {
                            try (Tensor x = engine.floats(new float[] {i}, 1, 1);
                                Tensor y = script.call("linear", x, w, b).get(0)) {
                              return floats(y)[0];
                            }
                          }))
              .toList();
      for (int i = 0; i < results.size(); i++) {
        assertThat(results.get(i).get()).isEqualTo(2f * i + 1);
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void threadsMustBePositive() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LibtorchEngine.open(0))
        .withMessage("threads: 0 (expected: >= 1)");
  }

  /** That of the class path has none. */
  @Test
  void aLibtorchWithoutCudaIsSaidToBeThat() {
    assertThatIllegalStateException()
        .isThrownBy(() -> LibtorchEngine.openOnGpu(0))
        .withMessageMatching("libtorch 2[.0-9]+: no CUDA or no GPU \\(expected: .*\\)");
  }

  private static float[] floats(Tensor tensor) {
    float[] values = new float[tensor.floats().remaining()];
    tensor.copyTo(values);
    return values;
  }
}
