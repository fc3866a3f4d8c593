// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.engine.LibtorchEngine;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The time a token takes to encode with one thread, from 768 dimensions with TopK(32). {@link
 * EncoderComparison} sets it against torch.
 *
 * <pre>
 * mvn -q -B -Pbenchmark -pl kernels package
 * java -cp "kernels/target/test-classes:kernels/target/classes:$(cat kernels/target/benchmark.classpath)" \
 *   org.openjdk.jmh.Main EncodeBenchmark
 * </pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2, timeUnit = TimeUnit.SECONDS)
@Measurement(iterations = 5, time = 2, timeUnit = TimeUnit.SECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "-Xmx3g",
      "-Dai.djl.offline=true",
      "-DOPT_OUT_TRACKING=true",
      "-Djmh.shutdownTimeout=1"
    })
public class EncodeBenchmark {
  private static final int TOKENS = 1024;
  private static final int WIDTH = 768;
  private static final int K = 32;

  @Param({"8192", "32768"})
  public int latents;

  private float[] activations;
  private LibtorchEngine engine;
  private SaeEncoder encoder;

  @Setup
  public void open() {
    Random random = new Random(1);
    float[] weights = gaussian(random, latents * WIDTH, 0.036f);
    SaeWeights sae =
        new SaeWeights(
            WIDTH,
            latents,
            InputNormalization.NONE,
            new float[WIDTH],
            weights,
            gaussian(random, latents, 0.1f),
            new ActivationFunction.TopK(K));
    activations = gaussian(random, TOKENS * WIDTH, 1);
    engine = LibtorchEngine.open(1);
    encoder = new CertifiedSaeEncoder(sae, engine, new EncoderMeter());
  }

  @TearDown
  public void close() {
    encoder.close();
    engine.close();
  }

  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public SparseLatents encode() {
    return encoder.encode(activations);
  }

  static float[] gaussian(Random random, int length, float scale) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian() * scale;
    }
    return values;
  }
}
