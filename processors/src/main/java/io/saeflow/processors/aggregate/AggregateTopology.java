// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.processors.deadletter.DeadLetter;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.stream.FeatureRange;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StreamPartitioner;

/** Latents to feature records: one task a feature range, which owns its features outright. */
public final class AggregateTopology {
  private static final Serializer<FeatureRecord> FEATURE_SERIALIZER =
      (topic, record) -> AvroCodec.FEATURE.encode(record);

  private AggregateTopology() {}

  /**
   * The topology for all autoencoders of a run.
   *
   * @param observer told of every batch that was counted, and of what a restart found
   */
  public static Topology build(
      Topics topics, List<AggregateStage> stages, TallyConfig config, TallyObserver observer) {
    return build(topics, stages, config, observer, System::nanoTime);
  }

  /**
   * As above.
   *
   * @param nanoClock paces snapshots; as {@link System#nanoTime}
   */
  static Topology build(
      Topics topics,
      List<AggregateStage> stages,
      TallyConfig config,
      TallyObserver observer,
      LongSupplier nanoClock) {
    int allRanges = stages.stream().mapToInt(AggregateStage::ranges).sum();
    Topology topology = new Topology();
    for (AggregateStage stage : stages) {
      AggregateProcessor.Supplier aggregate =
          new AggregateProcessor.Supplier(
              topics.run(), stage, config, observer, allRanges, nanoClock);
      String source = "latents-" + stage.id();
      topology.addSource(
          source,
          new ByteArrayDeserializer(),
          new ByteArrayDeserializer(),
          topics.latents(stage.id()));
      topology.addProcessor(aggregate.processor(), aggregate, source);
      topology.addSink(
          aggregate.sink(),
          topics.features(stage.id()),
          new IntegerSerializer(),
          FEATURE_SERIALIZER,
          toItsRange(stage),
          aggregate.processor());
      DeadLetter.addSink(topology, topics, aggregate.processor());
    }
    return topology;
  }

  private static StreamPartitioner<Integer, FeatureRecord> toItsRange(AggregateStage stage) {
    return (topic, latent, record, partitions) ->
        Optional.of(Set.of(FeatureRange.of(latent, stage.ranges(), stage.latents()).index()));
  }
}
