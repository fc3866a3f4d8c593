// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.kernels.aggregate.CpuLatentAggregator;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How many latent entries one core adds to the statistics of its feature range. {@code
 * millionEntries} is a second of processor time, which other processes of the machine distort less;
 * read its average from the secondary result, since the table at the end sums iterations up.
 *
 * <pre>
 * mvn -q -B -Pbenchmark -pl processors -am package
 * java -cp "processors/target/test-classes:processors/target/classes:$(cat processors/target/benchmark.classpath)" \
 *   org.openjdk.jmh.Main AggregateBenchmark
 * </pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, batchSize = AggregateBenchmark.BATCHES)
@Measurement(iterations = 10, batchSize = AggregateBenchmark.BATCHES)
@Fork(value = 1, jvmArgsAppend = "-Xmx3g")
public class AggregateBenchmark {
  static final int BATCHES = 50;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  /** Batches added before those that are measured. */
  @Param({"0", "2000"})
  public int before;

  @Param({"", "party,year:10"})
  public String labels = "";

  private final SyntheticLatents latents = new SyntheticLatents();
  private final Queue<LatentBatch> batches = new ArrayDeque<>();
  private RangeTally tally;

  /** What was added, and how long the processor was busy with it. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Added {
    private long entries;
    private long nanos;

    /** Millions a second. */
    public double millionEntries() {
      return 1e3 * entries / nanos;
    }

    @Setup(Level.Iteration)
    public void reset() {
      entries = 0;
      nanos = 0;
    }
  }

  @Setup(Level.Iteration)
  public void fill() throws MalformedMessageException {
    if (tally == null || before == 0) {
      tally =
          new RangeTally(
              "sae",
              SyntheticLatents.RANGE,
              new TallyConfig(20, 20, 64, 0, fields()),
              new CpuLatentAggregator(
                  SyntheticLatents.RANGE.from(), SyntheticLatents.RANGE.size()));
      for (int b = 0; b < before; b++) {
        tally.add(latents.next());
      }
    }
    for (int b = 0; b < BATCHES; b++) {
      batches.add(latents.next());
    }
  }

  @Benchmark
  public void add(Added added) throws MalformedMessageException {
    LatentBatch batch = batches.remove();
    long start = THREADS.getCurrentThreadCpuTime();
    tally.add(batch);
    added.nanos += THREADS.getCurrentThreadCpuTime() - start;
    added.entries += batch.size();
  }

  private List<LabelField> fields() {
    return labels.isEmpty()
        ? List.of()
        : Arrays.stream(labels.split(",")).map(LabelField::parse).toList();
  }
}
