// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.arrow;

import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.StreamMessage;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How fast batches of 8 sequences of 256 tokens become messages, and messages batches; {@code
 * megabytes} are of messages, a second.
 *
 * <pre>
 * mvn -q -B -Pbenchmark -pl schemas package
 * java -cp "schemas/target/test-classes:schemas/target/classes:$(cat schemas/target/benchmark.classpath)" \
 *   org.openjdk.jmh.Main ArrowCodecBenchmark
 * </pre>
 */
@State(Scope.Thread)
@Warmup(iterations = 3, time = 1, timeUnit = TimeUnit.SECONDS)
@Measurement(iterations = 5, time = 1, timeUnit = TimeUnit.SECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xmx2g", "--add-opens=java.base/java.nio=ALL-UNNAMED"})
public class ArrowCodecBenchmark {
  private static final int SEQUENCES = 8;
  private static final int CONTEXT = 256;
  private static final int TOKENS = SEQUENCES * CONTEXT;
  private static final int WIDTH = 768;
  private static final int LATENTS = 32_768;
  private static final int K = 32;

  /** What a batch holds: 768 activations a token, or 32 latents. */
  public enum Kind {
    ACTIVATIONS,
    LATENTS
  }

  @Param public Kind kind;

  private StreamMessage batch;
  private byte[] message;

  /** How much was encoded or decoded. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Amount {
    private long bytes;

    public double megabytes() {
      return bytes / 1e6;
    }

    @Setup(Level.Iteration)
    public void reset() {
      bytes = 0;
    }
  }

  @Setup
  public void make() {
    Random random = new Random(1);
    TokenBatch tokens =
        new TokenBatch(
            "run",
            0,
            0,
            CONTEXT,
            random.ints(TOKENS, 0, 50_257).toArray(),
            Collections.nCopies(SEQUENCES, List.of(new DocumentSpan(0, 0, 0, "{}"))));
    batch =
        switch (kind) {
          case ACTIVATIONS -> activations(tokens, random);
          case LATENTS -> latents(tokens, random);
        };
    message = ArrowMessages.encode(batch);
  }

  @Benchmark
  public byte[] encode(Amount amount) {
    amount.bytes += message.length;
    return ArrowMessages.encode(batch);
  }

  @Benchmark
  public StreamMessage decode(Amount amount) throws MalformedMessageException {
    amount.bytes += message.length;
    return switch (kind) {
      case ACTIVATIONS -> ArrowMessages.decodeActivations(message);
      case LATENTS -> ArrowMessages.decodeLatents(message);
    };
  }

  private static ActivationBatch activations(TokenBatch tokens, Random random) {
    HookPoint hook = HookPoint.parse("blocks.8.hook_resid_post");
    return new ActivationBatch(tokens, hook, WIDTH, gaussian(TOKENS * WIDTH, random));
  }

  private static LatentBatch latents(TokenBatch tokens, Random random) {
    int[] offsets = new int[TOKENS + 1];
    int[] latents = new int[TOKENS * K];
    for (int t = 0; t < TOKENS; t++) {
      offsets[t + 1] = (t + 1) * K;
      int stride = LATENTS / K;
      for (int i = 0; i < K; i++) {
        latents[t * K + i] = i * stride + random.nextInt(stride);
      }
    }
    FeatureRange all = new FeatureRange(0, 1, LATENTS);
    return new LatentBatch(
        tokens,
        "sae",
        all,
        EncodingSummary.withoutDecoder(0, latents.length),
        offsets,
        latents,
        gaussian(latents.length, random));
  }

  private static float[] gaussian(int length, Random random) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian() + Float.MIN_NORMAL;
    }
    return values;
  }
}
