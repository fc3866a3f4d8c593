// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.CertifiedSaeEncoder;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SharedScorer;
import io.saeflow.processors.weights.SaeFile;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.corpus.TokenMatrix;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.TokenBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The model and the encoder alone: no Kafka, no statistics, no files. What a whole run can reach at
 * most. Arguments: the model, the autoencoder, the hook point, ready tokens, how many of them,
 * threads, the model's dtype. Prints tokens/s as {@code saeflow run} does, models loaded before.
 *
 * <pre>
 * mvn -q -B -Pbenchmark -pl compose -am package
 * java -Xmx4g -Dai.djl.offline=true -DOPT_OUT_TRACKING=true \
 *   -cp "compose/target/test-classes:compose/target/classes:$(cat compose/target/benchmark.classpath)" \
 *   io.saeflow.compose.BareLoop CASE/model CASE/sae blocks.8.hook_resid_post CASE/tokens.npy 65536 2 float32
 * </pre>
 */
final class BareLoop {
  private static final int BATCH_SEQUENCES = 8;

  private BareLoop() {}

  public static void main(String[] arguments) throws Exception {
    HookPoint hook = HookPoint.parse(arguments[2]);
    long most = Long.parseLong(arguments[4]);
    int threads = Integer.parseInt(arguments[5]);
    SaeFile sae = SaeFile.read(Path.of(arguments[1]));
    EncoderMeter meter = new EncoderMeter();
    ExecutorService workers = Executors.newFixedThreadPool(threads);
    try (TensorEngine modelEngine = Gpt2.openEngine();
        TensorEngine encoderEngine = LibtorchEngine.open(1);
        SharedScorer scorer = new SharedScorer(sae.weights(), encoderEngine);
        Gpt2 model =
            Gpt2.loadUpTo(
                List.of(hook),
                Path.of(arguments[0]),
                modelEngine,
                WritingWeights.AS_STORED,
                ModelDtype.of(arguments[6]));
        TokenBatches batches =
            new TokenBatches(
                "bare", TokenMatrix.open(Path.of(arguments[3])), BATCH_SEQUENCES, 1 << 20, most)) {
      ThreadLocal<SaeEncoder> encoders =
          ThreadLocal.withInitial(() -> new CertifiedSaeEncoder(scorer, meter));
      long start = System.nanoTime();
      List<Future<?>> running = new ArrayList<>();
      for (TokenBatch batch = batches.next(); batch != null; batch = batches.next()) {
        TokenBatch now = batch;
        running.add(
            workers.submit(
                () ->
                    encoders
                        .get()
                        .encode(
                            model
                                .activations(now.tokens(), now.contextLength(), List.of(hook))
                                .get(hook))));
      }
      for (Future<?> one : running) {
        one.get();
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      System.out.printf(
          Locale.ROOT,
          "%d tokens in %.1f s (%.0f tokens/s), %.1f candidates a token%n",
          batches.tokens(),
          seconds,
          batches.tokens() / seconds,
          meter.candidates() / (double) meter.tokens());
    } finally {
      workers.shutdownNow();
    }
  }
}
