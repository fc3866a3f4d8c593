// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.prepare.PreparedModel;
import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.producer.publish.ActivationProducer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/**
 * Runs the model over token batches.
 *
 * @param name this producer's among those of the run, the same after a restart
 * @param model its Hugging Face directory
 * @param threads how many batches the model runs over at once
 * @param maxWaitingBatches it waits while the encoders are further behind
 */
public record ProduceRole(String name, Path model, int threads, int maxWaitingBatches)
    implements Role {

  @Override
  public RoleWork begin(RunContext run) throws IOException {
    PreparedModel prepared = PreparedModel.open(model, run.manifest());
    boolean begun = false;
    try {
      ActivationProducer producer =
          Stages.produce(run, name, prepared.model(), threads, maxWaitingBatches);
      begun = true;
      return new Work(prepared, producer);
    } finally {
      if (!begun) {
        prepared.close();
      }
    }
  }

  private record Work(PreparedModel model, ActivationProducer producer)
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
      model.close();
    }
  }
}
