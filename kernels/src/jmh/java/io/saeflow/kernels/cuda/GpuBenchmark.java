// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.aggregate.CpuLatentAggregator;
import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.aggregate.LatentStatistics;
import io.saeflow.kernels.aggregate.SequenceVisitor;
import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.CpuSaeDecoder;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.EncoderCase;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;
import io.saeflow.kernels.sae.SparseLatents;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Tokens per second of {@link CudaSaeEncoder} on the first GPU, from activations in the heap to
 * latents in the heap; of {@link CudaSaeDecoder}, from both to errors in the heap; and of {@link
 * CudaLatentAggregator}, from latents in the heap to their entries regrouped there, beside {@link
 * CpuLatentAggregator}: a CSV line of each for each number of latents, k and threads. Weights and
 * activations are Gaussian; the decoder has the encoder's weights. A few tokens of every line are
 * held against the reference, and all statistics of a batch against the processor's.
 *
 * <p>A program of width, tokens a thread and run, and lists of latents, k and threads:
 *
 * <pre>
 * GpuBenchmark 768 4096 32768,131072,2097152 32,64,256 1,4
 * </pre>
 *
 * It ends with 1 if a latent, an error or a statistic differs from the reference, and with 2 if
 * there is no GPU to use.
 */
final class GpuBenchmark {
  private static final int WARM_UP = 3;
  private static final int RUNS = 20;

  /** Different activations, taken in turn. */
  private static final int INPUTS = 4;

  private static final int COMPARED_TOKENS = 4;

  /**
   * Of the aggregators, where a thread's tokens are a multiple of it; else they are one sequence.
   */
  private static final int CONTEXT_LENGTH = 256;

  private static final SequenceVisitor NO_VISITOR = (latent, from, to) -> {};

  private static final String HEADER =
      "operation,device,width,latents,k,threads,tokens,median_ms,least_ms,most_ms,tokens_per_second,"
          + "entries_per_second,candidates_per_token,fallbacks,audited_error,equals_reference";

  private final CudaDevice device;
  private final int width;
  private final int tokens;
  private final float[][] inputs;

  private GpuBenchmark(CudaDevice device, int width, int tokens) {
    this.device = device;
    this.width = width;
    this.tokens = tokens;
    this.inputs = new float[INPUTS][];
    for (int i = 0; i < INPUTS; i++) {
      inputs[i] = gaussian(-1 - i, tokens, width, 1);
    }
  }

  /** Arguments: width, tokens, latents, k, threads; the last three are lists. */
  public static void main(String[] arguments) throws InterruptedException, ExecutionException {
    int width = Integer.parseInt(arguments[0]);
    int tokens = Integer.parseInt(arguments[1]);
    ProbeResult found = CudaProbe.probe(0);
    if (!found.isReady()) {
      System.err.println(found.describe());
      System.exit(2);
    }
    boolean equal = true;
    try (CudaDevice device = CudaDevice.open(found.devices().get(0))) {
      System.out.println(HEADER);
      GpuBenchmark benchmark = new GpuBenchmark(device, width, tokens);
      for (int latents : numbers(arguments[2])) {
        float[] encoderWeights = gaussian(1, latents, width, (float) (1 / Math.sqrt(width)));
        float[] latentBias = gaussian(2, 1, latents, 0.1f);
        for (int k : numbers(arguments[3])) {
          SaeWeights weights =
              new SaeWeights(
                  width,
                  latents,
                  InputNormalization.NONE,
                  new float[width],
                  encoderWeights,
                  latentBias,
                  new ActivationFunction.TopK(k));
          equal &= benchmark.measure(weights, k, numbers(arguments[4]));
        }
      }
    }
    System.exit(equal ? 0 : 1);
  }

  /** Whether latents, errors and statistics are those of the reference. */
  private boolean measure(SaeWeights weights, int k, int[] threadCounts)
      throws InterruptedException, ExecutionException {
    System.err.printf(Locale.ROOT, "%d latents, k %d%n", weights.latents(), k);
    SparseLatents[] encoded = new SparseLatents[INPUTS];
    boolean encodesEqually = measureEncoder(weights, k, threadCounts, encoded);
    boolean decodesEqually = measureDecoder(weights, k, threadCounts, encoded);
    boolean aggregatesEqually = measureAggregators(weights.latents(), k, threadCounts, encoded);
    return encodesEqually && decodesEqually && aggregatesEqually;
  }

  /** Leaves the latents of each input in {@code encoded}. */
  private boolean measureEncoder(
      SaeWeights weights, int k, int[] threadCounts, SparseLatents[] encoded)
      throws InterruptedException, ExecutionException {
    int columns = CandidatePlan.roundUp(weights.width(), 64);
    double auditedError = device.call(() -> TensorCoreAudit.worstError(device, columns));
    try (CudaSaeWeights onDevice = CudaSaeWeights.load(weights, device)) {
      try (SaeEncoder encoder = new CudaSaeEncoder(onDevice, new EncoderMeter())) {
        for (int i = 0; i < INPUTS; i++) {
          encoded[i] = encoder.encode(inputs[i]);
        }
      }
      boolean equal = equalsReference(weights, encoded[0]);
      for (int threads : threadCounts) {
        EncoderMeter meter = new EncoderMeter();
        double[] seconds =
            runs(
                threads,
                () -> {
                  SaeEncoder encoder = new CudaSaeEncoder(onDevice, meter);
                  return new Worker(input -> encoder.encode(inputs[input]), encoder::close);
                });
        String candidates =
            String.format(
                Locale.ROOT,
                "%.1f,%d,%.3g",
                (double) meter.candidates() / meter.tokens(),
                meter.fallbacks(),
                auditedError);
        Line line = new Line("encode", device.info().name(), weights.latents(), k, threads);
        print(line, seconds, encoded, candidates, equal);
      }
      return equal;
    }
  }

  private boolean measureDecoder(
      SaeWeights weights, int k, int[] threadCounts, SparseLatents[] encoded)
      throws InterruptedException, ExecutionException {
    DecoderWeights decoderWeights =
        new DecoderWeights(InputNormalization.NONE, weights.encoderWeights(), weights.inputBias());
    try (CudaDecoderWeights onDevice = CudaDecoderWeights.load(decoderWeights, device)) {
      boolean equal = equalsReference(onDevice, encoded[0]);
      for (int threads : threadCounts) {
        double[] seconds =
            runs(
                threads,
                () -> {
                  SaeDecoder decoder = new CudaSaeDecoder(onDevice);
                  return new Worker(
                      input -> decoder.normalizedErrors(inputs[input], encoded[input]),
                      decoder::close);
                });
        Line line = new Line("decode", device.info().name(), weights.latents(), k, threads);
        print(line, seconds, encoded, ",,", equal);
      }
      return equal;
    }
  }

  private boolean measureAggregators(
      int latents, int k, int[] threadCounts, SparseLatents[] encoded)
      throws InterruptedException, ExecutionException {
    Supplier<LatentAggregator> onDevice = () -> CudaLatentAggregator.open(device, 0, latents);
    Supplier<LatentAggregator> onProcessor = () -> new CpuLatentAggregator(0, latents);
    boolean equal = equalStatistics(onDevice, onProcessor, latents, encoded[0]);
    for (int threads : threadCounts) {
      double[] seconds = runs(threads, () -> aggregating(onDevice.get(), encoded));
      Line line = new Line("aggregate", device.info().name(), latents, k, threads);
      print(line, seconds, encoded, ",,", equal);
      seconds = runs(threads, () -> aggregating(onProcessor.get(), encoded));
      line = new Line("aggregate", "processor", latents, k, threads);
      print(line, seconds, encoded, ",,", true);
    }
    return equal;
  }

  private Worker aggregating(LatentAggregator aggregator, SparseLatents[] encoded) {
    return new Worker(
        input -> aggregator.add(encoded[input], contextLength(), NO_VISITOR), aggregator::close);
  }

  private int contextLength() {
    return tokens % CONTEXT_LENGTH == 0 ? CONTEXT_LENGTH : tokens;
  }

  private void print(
      Line line, double[] seconds, SparseLatents[] encoded, String candidates, boolean equal) {
    double median = (seconds[(RUNS - 1) / 2] + seconds[RUNS / 2]) / 2;
    double entries =
        Arrays.stream(encoded).mapToInt(e -> e.latents().length).average().orElseThrow();
    System.out.printf(
        Locale.ROOT,
        "%s,%s,%d,%d,%d,%d,%d,%.3f,%.3f,%.3f,%.0f,%.0f,%s,%b%n",
        line.operation(),
        line.device(),
        width,
        line.latents(),
        line.k(),
        line.threads(),
        tokens,
        median * 1e3,
        seconds[0] * 1e3,
        seconds[RUNS - 1] * 1e3,
        line.threads() * tokens / median,
        line.threads() * entries / median,
        candidates,
        equal);
  }

  /** Seconds of each run, ascending; in a run each thread's worker works once. */
  private static double[] runs(int threads, Supplier<Worker> opening)
      throws InterruptedException, ExecutionException {
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    List<Worker> workers = new ArrayList<>();
    try {
      for (int i = 0; i < threads; i++) {
        workers.add(opening.get());
      }
      double[] seconds = new double[RUNS];
      for (int run = -WARM_UP; run < RUNS; run++) {
        long start = System.nanoTime();
        workOnce(executor, workers, run + WARM_UP);
        if (run >= 0) {
          seconds[run] = (System.nanoTime() - start) / 1e9;
        }
      }
      Arrays.sort(seconds);
      return seconds;
    } finally {
      executor.shutdown();
      workers.forEach(worker -> worker.closing().run());
    }
  }

  private static void workOnce(ExecutorService executor, List<Worker> workers, int turn)
      throws InterruptedException, ExecutionException {
    List<Future<?>> started = new ArrayList<>();
    for (int i = 0; i < workers.size(); i++) {
      IntConsumer work = workers.get(i).work();
      int input = (turn + i) % INPUTS;
      started.add(executor.submit(() -> work.accept(input)));
    }
    for (Future<?> each : started) {
      each.get();
    }
  }

  /** Holds tokens from all over a run against the reference, to the bit. */
  private boolean equalsReference(SaeWeights weights, SparseLatents encoded) {
    int[] compared = comparedTokens();
    SparseLatents expected = new EncoderCase.Drawn(weights, activations(compared)).expected();
    return chosen(encoded, compared).equals(expected);
  }

  /** As the other, of errors. */
  private boolean equalsReference(CudaDecoderWeights onDevice, SparseLatents encoded) {
    int[] compared = comparedTokens();
    double[] errors;
    try (SaeDecoder decoder = new CudaSaeDecoder(onDevice)) {
      errors = decoder.normalizedErrors(inputs[0], encoded);
    }
    try (SaeDecoder decoder = new CpuSaeDecoder(onDevice.weights(), 1)) {
      double[] expected =
          decoder.normalizedErrors(activations(compared), chosen(encoded, compared));
      return Arrays.equals(IntStream.of(compared).mapToDouble(t -> errors[t]).toArray(), expected);
    }
  }

  /** Whether one batch gives both the same bytes of every latent. */
  private boolean equalStatistics(
      Supplier<LatentAggregator> actual,
      Supplier<LatentAggregator> expected,
      int latents,
      SparseLatents batch) {
    try (LatentAggregator one = actual.get();
        LatentAggregator other = expected.get()) {
      one.add(batch, contextLength(), NO_VISITOR);
      other.add(batch, contextLength(), NO_VISITOR);
      LatentStatistics found = one.statistics();
      LatentStatistics wanted = other.statistics();
      return IntStream.range(0, latents).allMatch(f -> bytes(found, f).equals(bytes(wanted, f)));
    }
  }

  private static ByteBuffer bytes(LatentStatistics statistics, int latent) {
    ByteBuffer bytes = ByteBuffer.allocate(statistics.bytes(latent));
    statistics.writeTo(bytes, latent);
    return bytes.flip();
  }

  private int[] comparedTokens() {
    int count = Math.min(COMPARED_TOKENS, tokens);
    return IntStream.range(0, count).map(i -> (i + 1) * (tokens - 1) / count).toArray();
  }

  /** Those of these tokens of the first input. */
  private float[] activations(int[] of) {
    float[] activations = new float[of.length * width];
    for (int i = 0; i < of.length; i++) {
      System.arraycopy(inputs[0], of[i] * width, activations, i * width, width);
    }
    return activations;
  }

  /** What a line of the table is of. */
  private record Line(String operation, String device, int latents, int k, int threads) {}

  /**
   * An encoder, decoder or aggregator of one thread.
   *
   * @param work told which of the inputs to take
   */
  private record Worker(IntConsumer work, Runnable closing) {}

  /** The latents of these tokens alone. */
  private static SparseLatents chosen(SparseLatents all, int[] tokens) {
    int[] offsets = new int[tokens.length + 1];
    IntStream.Builder entries = IntStream.builder();
    for (int i = 0; i < tokens.length; i++) {
      int from = all.offsets()[tokens[i]];
      int to = all.offsets()[tokens[i] + 1];
      IntStream.range(from, to).forEach(entries);
      offsets[i + 1] = offsets[i] + to - from;
    }
    int[] taken = entries.build().toArray();
    int[] latents = new int[taken.length];
    float[] values = new float[taken.length];
    for (int e = 0; e < taken.length; e++) {
      latents[e] = all.latents()[taken[e]];
      values[e] = all.values()[taken[e]];
    }
    return new SparseLatents(all.nonFiniteTokens(), offsets, latents, values);
  }

  private static int[] numbers(String list) {
    return Arrays.stream(list.split(",")).mapToInt(Integer::parseInt).toArray();
  }

  /** [rows, columns], by all processors: there can be billions. */
  private static float[] gaussian(long seed, int rows, int columns, float scale) {
    float[] values = new float[Math.multiplyExact(rows, columns)];
    SplittableRandom seeds = new SplittableRandom(seed);
    long[] rowSeeds = seeds.longs(rows).toArray();
    IntStream.range(0, rows)
        .parallel()
        .forEach(
            row -> {
              SplittableRandom random = new SplittableRandom(rowSeeds[row]);
              for (int j = 0; j < columns; j++) {
                values[row * columns + j] = (float) random.nextGaussian() * scale;
              }
            });
    return values;
  }
}
