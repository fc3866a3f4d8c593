// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.engine.LibtorchEngine;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class SharedScorerTest {
  private static final int WIDTH = 64;
  private static final int LATENTS = 1024;
  private static final int TOKENS = 200;
  private static final int THREADS = 4;

  private final Random random = new Random(5);
  private final SaeWeights weights =
      new SaeWeights(
          WIDTH,
          LATENTS,
          InputNormalization.NONE,
          new float[WIDTH],
          EncoderCase.gaussian(random, LATENTS * WIDTH, 1),
          EncoderCase.gaussian(random, LATENTS, 1),
          new ActivationFunction.TopK(8));

  /** Rows so far from zero that whoever sees the first has the scorer made anew. */
  @Test
  void encodersOfSeveralThreadsAgreeWithTheReferenceWhileTheirScorerIsReplaced() throws Exception {
    float[] activations = EncoderCase.gaussian(random, TOKENS * WIDTH, 1);
    for (int t = 0; t < TOKENS; t++) {
      activations[t * WIDTH + 7] += 300;
    }
    SparseLatents expected = new ReferenceSaeEncoder(weights).encode(activations);
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    try (LibtorchEngine engine = LibtorchEngine.open(1)) {
      try (SharedScorer shared = new SharedScorer(weights, engine)) {
        int tensorsOfOne = engine.openTensors();
        List<Future<SparseLatents>> encoded = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
          encoded.add(
              threads.submit(
                  () -> {
                    try (SaeEncoder encoder = new CertifiedSaeEncoder(shared, new EncoderMeter())) {
                      encoder.encode(new float[WIDTH]);
                      return encoder.encode(activations);
                    }
                  }));
        }
        for (Future<SparseLatents> one : encoded) {
          assertThat(one.get()).isEqualTo(expected);
        }
        assertThat(engine.openTensors()).isEqualTo(tensorsOfOne);
      }
      assertThat(engine.openTensors()).isZero();
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void aScorerThatIsReplacedStaysOpenForWhoeverUsesIt() {
    float[] far = new float[TOKENS * WIDTH];
    int[] all = new int[TOKENS];
    for (int t = 0; t < TOKENS; t++) {
      far[t * WIDTH] = 300;
      all[t] = t;
    }
    try (LibtorchEngine engine = LibtorchEngine.open(1);
        SharedScorer shared = new SharedScorer(weights, engine, ScorePrecision.BFLOAT16)) {
      int tensorsOfOne = engine.openTensors();
      Scorer first = shared.take(far, new int[0]);
      Scorer second = shared.take(far, all);
      assertThat(second).isNotSameAs(first);
      assertThat(shared.take(far, all)).isSameAs(second);
      assertThat(engine.openTensors()).isEqualTo(2 * tensorsOfOne);
      shared.giveBack(second);
      assertThat(engine.openTensors()).isEqualTo(2 * tensorsOfOne);
      shared.giveBack(first);
      assertThat(engine.openTensors()).isEqualTo(tensorsOfOne);
    }
  }
}
