// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.sparse.Dot32;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The time of one canonical dot product of 768 dimensions, with the weights in the cache.
 *
 * <pre>
 * mvn -q -B -Pbenchmark -pl kernels package
 * java -cp "kernels/target/test-classes:kernels/target/classes:$(cat kernels/target/benchmark.classpath)" \
 *   org.openjdk.jmh.Main RescoreBenchmark
 * </pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1, timeUnit = TimeUnit.SECONDS)
@Measurement(iterations = 5, time = 1, timeUnit = TimeUnit.SECONDS)
@Fork(1)
public class RescoreBenchmark {
  private static final int WIDTH = 768;
  private static final int LATENTS = 64;

  private final Dot32 dot32 = new Dot32();
  private float[] row;
  private float[] weights;

  @Setup
  public void make() {
    Random random = new Random(1);
    row = EncodeBenchmark.gaussian(random, WIDTH, 1);
    weights = EncodeBenchmark.gaussian(random, LATENTS * WIDTH, 0.036f);
  }

  @Benchmark
  @OperationsPerInvocation(LATENTS)
  public float rescore() {
    float sum = 0;
    for (int latent = 0; latent < LATENTS; latent++) {
      sum += dot32.dot(row, 0, weights, latent * WIDTH, WIDTH);
    }
    return sum;
  }
}
