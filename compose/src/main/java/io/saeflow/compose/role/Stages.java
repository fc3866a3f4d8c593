// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.prepare.PreparedSae;
import io.saeflow.kernels.device.LatentAggregators;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.processors.Processors;
import io.saeflow.processors.ProcessorsConfig;
import io.saeflow.processors.aggregate.AggregateStage;
import io.saeflow.processors.encode.EncodeStage;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.publish.ActivationOutput;
import io.saeflow.producer.publish.ActivationProducer;
import io.saeflow.producer.publish.ActivationProducerConfig;
import io.saeflow.producer.publish.DenseActivations;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.stream.ActivationDtype;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/** Starts the stages of a run, the same whether they share a process or not. */
public final class Stages {
  private Stages() {}

  /**
   * Tokens to activations, or to latents.
   *
   * @param name this producer's among those of the run, the same after a restart
   * @param threads how many batches the model runs over at once
   * @param maxWaitingBatches it waits while the readers are further behind; empty for the default
   * @param output of {@link #activations} or {@link #latents}, as the run encodes
   */
  public static ActivationProducer produce(
      RunContext run,
      String name,
      Gpt2 model,
      int threads,
      OptionalInt maxWaitingBatches,
      ActivationOutput output) {
    return ActivationProducer.start(
        new ActivationProducerConfig(
            run.kafka(),
            run.topics(),
            run.hooks(),
            name,
            Math.max(ActivationProducerConfig.DEFAULT_BATCHES_PER_TRANSACTION, threads),
            threads,
            maxWaitingBatches.orElse(run.encodeAt().defaultMaxWaitingBatches())),
        model,
        output);
  }

  /** What a producer publishes in a run that encodes at the processors. */
  public static ActivationOutput activations(RunContext run) {
    return new DenseActivations(
        run.topics(), run.hooks(), ActivationDtype.of(run.manifest().getActivationDtype()));
  }

  /**
   * What a producer publishes in a run that encodes at the producer.
   *
   * @param saes all of the run, which each thread of the model encodes with
   * @param encoders by which each of the model's threads encodes
   */
  public static ActivationOutput latents(
      RunContext run, List<PreparedSae> saes, SaeEncoders encoders) {
    return new EncodedActivations(run.topics(), encodeStages(run, saes, encoders));
  }

  /**
   * Activations to latents to features, in a run that encodes at the processors.
   *
   * @param name this processor's among those of the run, the same after a restart
   * @param saes all of one generation, in the manifest's order
   * @param encoders whose device aggregates, too
   * @param state a folder for Kafka Streams
   * @param threads of each stage
   * @param partitions of the tokens topic
   */
  public static Processors process(
      RunContext run,
      String name,
      List<PreparedSae> saes,
      SaeEncoders encoders,
      Path state,
      int threads,
      int partitions) {
    ProcessorsConfig config =
        new ProcessorsConfig(run.kafka(), name, state, threads, run.bufferedMessages(partitions));
    List<SaeManifest> manifests = saes.stream().map(PreparedSae::manifest).toList();
    return process(run, config, encodeStages(run, saes, encoders), manifests, encoders);
  }

  /**
   * Latents to features, in a run that encodes at the producer.
   *
   * @param name this processor's among those of the run, the same after a restart
   * @param state a folder for Kafka Streams
   * @param partitions of the tokens topic
   */
  public static Processors aggregate(
      RunContext run,
      String name,
      LatentAggregators aggregators,
      Path state,
      int threads,
      int partitions) {
    ProcessorsConfig config =
        new ProcessorsConfig(run.kafka(), name, state, threads, run.bufferedMessages(partitions));
    return process(run, config, List.of(), run.manifest().getSaes(), aggregators);
  }

  private static Processors process(
      RunContext run,
      ProcessorsConfig config,
      List<EncodeStage> encodeStages,
      List<SaeManifest> saes,
      LatentAggregators aggregators) {
    int contextLength = run.manifest().getContextLength();
    return Processors.start(
        config,
        run.topics(),
        saes.get(0).getGeneration(),
        encodeStages,
        saes.stream()
            .map(
                sae ->
                    new AggregateStage(
                        sae.getId(),
                        sae.getLatents(),
                        sae.getFeatureRanges(),
                        contextLength,
                        aggregators))
            .toList(),
        run.tally());
  }

  private static List<EncodeStage> encodeStages(
      RunContext run, List<PreparedSae> saes, SaeEncoders encoders) {
    return saes.stream().map(sae -> sae.encodeStage(encoders, run.nonFinite())).toList();
  }
}
