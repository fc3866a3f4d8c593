// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.encode;

import io.saeflow.processors.deadletter.DeadLetter;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.LatentMessage;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StreamPartitioner;

/** Activations to latents: stateless, one task a partition of an activations topic. */
public final class EncodeTopology {
  private static final Serializer<LatentMessage> LATENT_SERIALIZER =
      (topic, message) -> ArrowMessages.encode(message);

  /** A batch goes to the partition of its range; the end of the stream goes to all. */
  private static final StreamPartitioner<Long, LatentMessage> BY_RANGE =
      (topic, number, message, partitions) ->
          Optional.of(
              message instanceof LatentBatch batch
                  ? Set.of(batch.range().index())
                  : IntStream.range(0, partitions).boxed().collect(Collectors.toSet()));

  private EncodeTopology() {}

  /** The topology for all autoencoders of a run; those on one hook point read it once. */
  public static Topology build(Topics topics, List<EncodeStage> stages) {
    Topology topology = new Topology();
    for (HookPoint hook : stages.stream().map(EncodeStage::hook).distinct().toList()) {
      topology.addSource(
          source(hook),
          new ByteArrayDeserializer(),
          new ByteArrayDeserializer(),
          topics.activations(hook));
    }
    for (EncodeStage stage : stages) {
      EncodeProcessor.Supplier encode = new EncodeProcessor.Supplier(topics.run(), stage);
      topology.addProcessor(encode.processor(), encode, source(stage.hook()));
      topology.addSink(
          encode.sink(),
          topics.latents(stage.id()),
          new LongSerializer(),
          LATENT_SERIALIZER,
          BY_RANGE,
          encode.processor());
      DeadLetter.addSink(topology, topics, encode.processor());
    }
    return topology;
  }

  private static String source(HookPoint hook) {
    return "activations-" + hook.name();
  }
}
