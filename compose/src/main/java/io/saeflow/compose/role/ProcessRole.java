// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.prepare.EncoderDevice;
import io.saeflow.compose.prepare.PreparedSae;
import io.saeflow.compose.prepare.PreparedSaes;
import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.LatentAggregators;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.processors.Processors;
import io.saeflow.processors.retention.RecordRetention;
import io.saeflow.schemas.feature.EncodingStatistics;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/**
 * Encodes activations, unless the producers do, aggregates latents, and deletes what every reader
 * has.
 *
 * @param name this processor's among those of the run, the same after a restart
 * @param saes files and folders of the autoencoders it works on; not looked at in a run that
 *     encodes at the producer
 * @param state a folder for Kafka Streams, this processor's alone
 * @param streamThreads of each stage
 * @param threads of the encoders' tensor engine
 * @param device where it encodes and aggregates
 */
public record ProcessRole(
    String name, List<Path> saes, Path state, int streamThreads, int threads, Device device)
    implements Role {

  @Override
  public RoleWork begin(RunContext run) {
    int partitions;
    try (RunTopics topics = new RunTopics(run.kafka(), run.topics())) {
      partitions = topics.partitionsOfTokens();
    }
    Work work = new Work();
    boolean begun = false;
    try {
      if (run.encodeAt() == EncodeAt.PRODUCER) {
        LatentAggregators aggregators = EncoderDevice.openAggregators(device, System.err);
        work.opened.push(aggregators::close);
        work.processors.add(
            Stages.aggregate(run, name, aggregators, state, streamThreads, partitions));
      } else {
        TensorEngine engine = LibtorchEngine.open(threads);
        work.opened.push(engine::close);
        SaeEncoders encoders = EncoderDevice.open(device, engine, System.err);
        work.opened.push(encoders::close);
        for (List<PreparedSae> generation : PreparedSaes.open(saes, run.manifest()).values()) {
          work.processors.add(
              Stages.process(run, name, generation, encoders, state, streamThreads, partitions));
          work.encoders.putAll(PreparedSae.meters(generation));
        }
      }
      work.retention.add(RecordRetention.start(run.kafka(), run.topics(), run.manifest()));
      work.follow();
      begun = true;
      return work;
    } finally {
      if (!begun) {
        work.close();
      }
    }
  }

  private static final class Work implements RoleWork, RunGauges {
    /** How to close what encoders and aggregators work on, the last opened first. */
    private final Deque<Runnable> opened = new ArrayDeque<>();

    private final List<Processors> processors = new ArrayList<>();
    private final List<RecordRetention> retention = new ArrayList<>();
    private final Map<String, EncoderMeter> encoders = new TreeMap<>();
    private final CompletableFuture<Void> failure = new CompletableFuture<>();

    void follow() {
      List<CompletableFuture<Void>> failures = new ArrayList<>();
      processors.forEach(each -> failures.add(each.failure()));
      retention.forEach(each -> failures.add(each.failure()));
      for (CompletableFuture<Void> one : failures) {
        CompletableFuture<Void> unused =
            one.whenComplete(
                (nothing, cause) -> {
                  if (cause != null) {
                    failure.completeExceptionally(cause);
                  }
                });
      }
    }

    @Override
    public CompletableFuture<?> done() {
      return failure;
    }

    @Override
    public ProgressSnapshot progress() {
      return new ProgressSnapshot(aggregatedTokens(), OptionalLong.empty(), List.of());
    }

    @Override
    public RunGauges gauges() {
      return this;
    }

    @Override
    public long aggregatedTokens() {
      return processors.stream().mapToLong(Processors::aggregatedTokens).sum();
    }

    @Override
    public long aggregatedBatches() {
      return processors.stream().mapToLong(Processors::aggregatedBatches).sum();
    }

    @Override
    public long stateBytes() {
      return processors.stream().mapToLong(Processors::stateBytes).sum();
    }

    @Override
    public Map<String, EncodingStatistics> encodingStatistics() {
      Map<String, EncodingStatistics> statistics = new TreeMap<>();
      processors.forEach(each -> statistics.putAll(each.encodingStatistics()));
      return statistics;
    }

    @Override
    public Map<String, EncoderMeter> encoders() {
      return encoders;
    }

    @Override
    public Map<MetricName, ? extends Metric> kafka() {
      Map<MetricName, Metric> metrics = new HashMap<>();
      processors.forEach(each -> metrics.putAll(each.kafkaMetrics()));
      return metrics;
    }

    @Override
    public void close() {
      retention.forEach(RecordRetention::close);
      processors.forEach(Processors::close);
      opened.forEach(Runnable::run);
    }
  }
}
