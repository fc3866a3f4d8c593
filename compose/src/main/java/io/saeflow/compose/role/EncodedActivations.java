// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.processors.encode.BatchEncoder;
import io.saeflow.processors.encode.EncodeStage;
import io.saeflow.producer.publish.ActivationOutput;
import io.saeflow.producer.publish.ActivationRecords;
import io.saeflow.producer.publish.NumberedRecord;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Latents in place of activations, encoded where the model runs: the records that the processors
 * would publish.
 *
 * @param topicNames the run's
 * @param stages the autoencoders that the run began with
 */
record EncodedActivations(Topics topicNames, List<EncodeStage> stages) implements ActivationOutput {
  EncodedActivations {
    stages = List.copyOf(stages);
  }

  @Override
  public List<String> topics() {
    return stages.stream().map(stage -> topicNames.latents(stage.id())).toList();
  }

  @Override
  public String readers() {
    return topicNames.aggregateGroup(0);
  }

  @Override
  public ActivationRecords open(Map<String, Integer> partitions) {
    Records opened = new Records(partitions);
    boolean open = false;
    try {
      stages.forEach(stage -> opened.encoders.add(new BatchEncoder(stage)));
      open = true;
      return opened;
    } finally {
      if (!open) {
        opened.close();
      }
    }
  }

  private final class Records implements ActivationRecords {
    private final Map<String, Integer> partitions;
    private final List<BatchEncoder> encoders = new ArrayList<>();

    Records(Map<String, Integer> partitions) {
      this.partitions = partitions;
    }

    @Override
    public List<ProducerRecord<byte[], byte[]>> of(ActivationBatch activations)
        throws MalformedMessageException {
      List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
      for (BatchEncoder encoder : encoders) {
        if (encoder.stage().hook().equals(activations.hook())) {
          String topic = topicNames.latents(encoder.stage().id());
          for (LatentBatch latents : encoder.encode(activations)) {
            records.add(NumberedRecord.of(topic, latents.range().index(), latents));
          }
        }
      }
      return records;
    }

    /** To every feature range of every autoencoder. */
    @Override
    public List<ProducerRecord<byte[], byte[]>> of(EndOfStream end) {
      List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
      for (String topic : topics()) {
        for (int partition = 0; partition < partitions.get(topic); partition++) {
          records.add(NumberedRecord.of(topic, partition, end));
        }
      }
      return records;
    }

    @Override
    public void close() {
      encoders.forEach(BatchEncoder::close);
    }
  }
}
