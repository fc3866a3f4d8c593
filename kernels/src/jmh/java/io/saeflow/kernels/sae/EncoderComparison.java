// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.Script;
import io.saeflow.kernels.engine.Tensor;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.Random;

/**
 * Compares the encoder with torch's float32 addmm and topk, in alternation. No harness does that,
 * so it is a program, of threads, tokens and rounds.
 *
 * <pre>
 * mvn -q -B -Pbenchmark -pl kernels package
 * java -Xmx3g -Dai.djl.offline=true -DOPT_OUT_TRACKING=true \
 *   -cp "kernels/target/test-classes:kernels/target/classes:$(cat kernels/target/benchmark.classpath)" \
 *   io.saeflow.kernels.sae.EncoderComparison 1 1024 5
 * </pre>
 */
final class EncoderComparison {
  private static final String TORCH =
      """
        def encode(self: __torch__.Script, x: Tensor, w: Tensor, b: Tensor, k: int) -> Tuple[Tensor, Tensor]:
          values, latents = torch.topk(torch.addmm(b, x, torch.t(w)), k)
          return (values, latents)
      """;

  private static final int WIDTH = 768;
  private static final int LATENTS = 32_768;
  private static final int K = 32;
  private static final int WARM_UP = 3;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private EncoderComparison() {}

  /** Arguments: threads, tokens, rounds. */
  public static void main(String[] arguments) {
    int threads = Integer.parseInt(arguments[0]);
    int tokens = Integer.parseInt(arguments[1]);
    int rounds = Integer.parseInt(arguments[2]);
    Random random = new Random(1);
    float[] w = gaussian(random, LATENTS * WIDTH, 0.036f);
    float[] bias = gaussian(random, LATENTS, 0.1f);
    SaeWeights weights =
        new SaeWeights(
            WIDTH,
            LATENTS,
            InputNormalization.NONE,
            new float[WIDTH],
            w,
            bias,
            new ActivationFunction.TopK(K));
    float[] gaussian = gaussian(random, tokens * WIDTH, 1);
    float[] outliers = gaussian.clone();
    for (int t = 0; t < tokens; t++) {
      for (int j : new int[] {138, 378, 447}) {
        outliers[t * WIDTH + j] = 100 + j / 4 + 5 * outliers[t * WIDTH + j];
      }
    }
    try (LibtorchEngine engine = LibtorchEngine.open(threads)) {
      compare("gaussian", engine, weights, gaussian, rounds);
      compare("three huge dimensions", engine, weights, outliers, rounds);
    }
    // DJL keeps threads of its own.
    System.exit(0);
  }

  private static void compare(
      String name, LibtorchEngine engine, SaeWeights weights, float[] x, int rounds) {
    int tokens = x.length / WIDTH;
    EncoderMeter meter = new EncoderMeter();
    double[] torch = new double[rounds];
    double[] ours = new double[rounds];
    double[] ratios = new double[rounds];
    int equal = 0;
    try (Script script = engine.script(TORCH);
        Tensor input = engine.floats(x, tokens, WIDTH);
        Tensor w = engine.floats(weights.encoderWeights(), LATENTS, WIDTH);
        Tensor b = engine.floats(weights.latentBias(), LATENTS);
        SaeEncoder encoder = new CertifiedSaeEncoder(weights, engine, meter)) {
      for (int round = -WARM_UP; round < rounds; round++) {
        long start = time(engine);
        long[] expected = new long[tokens * K];
        var results = script.call("encode", input, w, b, K);
        long middle = time(engine);
        results.get(1).copyTo(expected);
        results.forEach(Tensor::close);
        long resumed = time(engine);
        SparseLatents latents = encoder.encode(x);
        long end = time(engine);
        if (round >= 0) {
          torch[round] = (middle - start) / 1e3 / tokens;
          ours[round] = (end - resumed) / 1e3 / tokens;
          ratios[round] = torch[round] / ours[round];
          equal = equalRows(expected, latents);
        }
      }
    }
    Arrays.sort(torch);
    Arrays.sort(ours);
    Arrays.sort(ratios);
    System.out.printf(
        "%s: torch %.0f us/token, ours %.0f, ratio %.2f (%.2f to %.2f), candidates %.1f/token, fallbacks %d, same latents on %d of %d tokens%n",
        name,
        torch[rounds / 2],
        ours[rounds / 2],
        ratios[rounds / 2],
        ratios[0],
        ratios[rounds - 1],
        (double) meter.candidates() / meter.tokens(),
        meter.fallbacks(),
        equal,
        tokens);
  }

  /** Processor time where it is all on this thread: a busy machine distorts it less. */
  private static long time(LibtorchEngine engine) {
    return engine.threads() == 1 ? THREADS.getCurrentThreadCpuTime() : System.nanoTime();
  }

  private static int equalRows(long[] expected, SparseLatents latents) {
    int equal = 0;
    for (int t = 0; t < latents.tokens(); t++) {
      long[] row = Arrays.copyOfRange(expected, t * K, (t + 1) * K);
      Arrays.sort(row);
      long[] found =
          Arrays.stream(latents.latents(), latents.offsets()[t], latents.offsets()[t + 1])
              .asLongStream()
              .toArray();
      equal += Arrays.equals(row, found) ? 1 : 0;
    }
    return equal;
  }

  private static float[] gaussian(Random random, int length, float scale) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian() * scale;
    }
    return values;
  }
}
