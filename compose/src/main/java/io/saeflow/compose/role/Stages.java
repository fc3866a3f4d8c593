// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.prepare.PreparedSae;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.processors.Processors;
import io.saeflow.processors.ProcessorsConfig;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.publish.ActivationProducer;
import io.saeflow.producer.publish.ActivationProducerConfig;
import io.saeflow.schemas.stream.ActivationDtype;
import java.nio.file.Path;
import java.util.List;

/** Starts the stages of a run, the same whether they share a process or not. */
public final class Stages {
  private Stages() {}

  /**
   * Tokens to activations.
   *
   * @param name this producer's among those of the run, the same after a restart
   * @param threads how many batches the model runs over at once
   * @param maxWaitingBatches it waits while the encoders are further behind
   */
  public static ActivationProducer produce(
      RunContext run, String name, Gpt2 model, int threads, int maxWaitingBatches) {
    return ActivationProducer.start(
        new ActivationProducerConfig(
            run.kafka(),
            run.topics(),
            run.hooks(),
            ActivationDtype.of(run.manifest().getActivationDtype()),
            name,
            Math.max(ActivationProducerConfig.DEFAULT_BATCHES_PER_TRANSACTION, threads),
            threads,
            maxWaitingBatches),
        model);
  }

  /**
   * Activations to latents to features.
   *
   * @param name this processor's among those of the run, the same after a restart
   * @param saes all of one generation, in the manifest's order
   * @param state a folder for Kafka Streams
   * @param threads of each stage
   * @param partitions of each activations topic
   */
  public static Processors process(
      RunContext run,
      String name,
      List<PreparedSae> saes,
      TensorEngine engine,
      Path state,
      int threads,
      int partitions) {
    return Processors.start(
        new ProcessorsConfig(run.kafka(), name, state, threads, run.bufferedMessages(partitions)),
        run.topics(),
        saes.get(0).manifest().getGeneration(),
        saes.stream().map(sae -> sae.encodeStage(engine, run.nonFinite())).toList(),
        saes.stream().map(sae -> sae.aggregateStage(run.manifest().getContextLength())).toList(),
        run.tally());
  }
}
