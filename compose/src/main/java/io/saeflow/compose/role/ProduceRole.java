// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.prepare.EncoderDevice;
import io.saeflow.compose.prepare.ModelEngine;
import io.saeflow.compose.prepare.PreparedModel;
import io.saeflow.compose.prepare.PreparedSae;
import io.saeflow.compose.prepare.PreparedSaes;
import io.saeflow.compose.prepare.RunEngines;
import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.publish.ActivationOutput;
import io.saeflow.producer.publish.ActivationProducer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/**
 * Runs the model over token batches, and encodes its activations if nobody else does.
 *
 * @param name this producer's among those of the run, the same after a restart
 * @param model its Hugging Face directory
 * @param modelDevice where it runs, of the kind that the run says; empty for that
 * @param saes files and folders of the autoencoders, for a run that encodes at the producer; not
 *     looked at in others
 * @param threads how many batches the model runs over at once
 * @param maxWaitingBatches it waits while the readers are further behind; empty for the default
 * @param device where encoders run
 */
public record ProduceRole(
    String name,
    Path model,
    Optional<Device> modelDevice,
    List<Path> saes,
    int threads,
    OptionalInt maxWaitingBatches,
    Device device)
    implements Role {

  @Override
  public RoleWork begin(RunContext run) throws IOException {
    Deque<Runnable> opened = new ArrayDeque<>();
    boolean begun = false;
    try {
      Device modelOn = ModelEngine.device(modelDevice, run.manifest());
      TensorEngine engine = ModelEngine.open(modelOn);
      opened.push(engine::close);
      List<PreparedSae> encoded = List.of();
      ActivationOutput output = Stages.activations(run);
      if (run.encodeAt() == EncodeAt.PRODUCER) {
        TensorEngine encoderEngine = RunEngines.besideModel(modelOn, engine);
        opened.push(encoderEngine::close);
        SaeEncoders encoders = EncoderDevice.open(device, encoderEngine, System.err);
        opened.push(encoders::close);
        encoded = PreparedSaes.openAll(saes, run.manifest());
        output = Stages.latents(run, encoded, encoders);
      }
      Gpt2 prepared = PreparedModel.load(model, run.manifest(), engine);
      opened.push(prepared::close);
      ActivationProducer producer =
          Stages.produce(run, name, prepared, threads, maxWaitingBatches, output);
      begun = true;
      return new Work(opened, producer, PreparedSae.meters(encoded));
    } finally {
      if (!begun) {
        opened.forEach(Runnable::run);
      }
    }
  }

  /**
   * @param opened how to close what the producer works on, the last opened first
   */
  private record Work(
      Deque<Runnable> opened, ActivationProducer producer, Map<String, EncoderMeter> encoders)
      implements RoleWork, RunGauges {
    @Override
    public CompletableFuture<?> done() {
      return producer.finished();
    }

    @Override
    public ProgressSnapshot progress() {
      return new ProgressSnapshot(producer.tokens(), OptionalLong.empty(), List.of());
    }

    @Override
    public RunGauges gauges() {
      return this;
    }

    @Override
    public long modelledTokens() {
      return producer.tokens();
    }

    @Override
    public Map<MetricName, ? extends Metric> kafka() {
      return producer.kafkaMetrics();
    }

    @Override
    public long deadLetters() {
      return producer.deadLetters();
    }

    @Override
    public void close() {
      producer.close();
      opened.forEach(Runnable::run);
    }
  }
}
