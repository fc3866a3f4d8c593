// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.schemas.stream.ActivationMessage;
import io.saeflow.schemas.stream.EndOfStream;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Activations as they are, for the encoders that the run began with. Autoencoders that joined later
 * hold nobody up.
 *
 * @param topicNames the run's
 * @param hooks where activations are read; each has a topic of its own
 * @param dtype in what they are published
 */
public record DenseActivations(Topics topicNames, List<HookPoint> hooks, ActivationDtype dtype)
    implements ActivationOutput {
  public DenseActivations {
    hooks = List.copyOf(hooks);
  }

  @Override
  public List<String> topics() {
    return hooks.stream().map(topicNames::activations).toList();
  }

  @Override
  public String readers() {
    return topicNames.encodeGroup(0);
  }

  @Override
  public ActivationRecords open(Map<String, Integer> partitions) {
    return new Records(partitions);
  }

  private final class Records implements ActivationRecords {
    private final Map<String, Integer> partitions;

    Records(Map<String, Integer> partitions) {
      this.partitions = partitions;
    }

    @Override
    public List<ProducerRecord<byte[], byte[]>> of(ActivationBatch activations) {
      return List.of(record(activations.hook(), activations));
    }

    @Override
    public List<ProducerRecord<byte[], byte[]>> of(EndOfStream end) {
      return hooks.stream().map(hook -> record(hook, end)).toList();
    }

    private ProducerRecord<byte[], byte[]> record(HookPoint hook, ActivationMessage message) {
      String topic = topicNames.activations(hook);
      return NumberedRecord.spread(topic, partitions.get(topic), message, dtype);
    }
  }
}
