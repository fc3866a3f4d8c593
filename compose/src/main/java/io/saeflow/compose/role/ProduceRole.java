// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.prepare.EncoderDevice;
import io.saeflow.compose.prepare.PreparedModel;
import io.saeflow.compose.prepare.PreparedSae;
import io.saeflow.compose.prepare.PreparedSaes;
import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.producer.publish.ActivationOutput;
import io.saeflow.producer.publish.ActivationProducer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
 * @param saes files and folders of the autoencoders, for a run that encodes at the producer; not
 *     looked at in others
 * @param threads how many batches the model runs over at once
 * @param maxWaitingBatches it waits while the readers are further behind; empty for the default
 * @param device where encoders run
 */
public record ProduceRole(
    String name,
    Path model,
    List<Path> saes,
    int threads,
    OptionalInt maxWaitingBatches,
    Device device)
    implements Role {

  @Override
  public RoleWork begin(RunContext run) throws IOException {
    List<PreparedSae> encoded =
        run.encodeAt() == EncodeAt.PRODUCER
            ? PreparedSaes.openAll(saes, run.manifest())
            : List.of();
    PreparedModel prepared = PreparedModel.open(model, run.manifest());
    List<SaeEncoders> encoders = new ArrayList<>();
    boolean begun = false;
    try {
      ActivationOutput output = Stages.activations(run);
      if (!encoded.isEmpty()) {
        encoders.add(EncoderDevice.open(device, prepared.engine(), System.err));
        output = Stages.latents(run, encoded, encoders.get(0));
      }
      ActivationProducer producer =
          Stages.produce(run, name, prepared.model(), threads, maxWaitingBatches, output);
      begun = true;
      return new Work(prepared, encoders, producer, PreparedSae.meters(encoded));
    } finally {
      if (!begun) {
        encoders.forEach(SaeEncoders::close);
        prepared.close();
      }
    }
  }

  /**
   * @param opened the encoders' device, where this encodes
   */
  private record Work(
      PreparedModel model,
      List<SaeEncoders> opened,
      ActivationProducer producer,
      Map<String, EncoderMeter> encoders)
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
      opened.forEach(SaeEncoders::close);
      model.close();
    }
  }
}
