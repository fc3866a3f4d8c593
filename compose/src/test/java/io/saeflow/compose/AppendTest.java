// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.prepare.PreparedRun;
import io.saeflow.compose.role.RunContext;
import io.saeflow.compose.role.Stages;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.processors.Processors;
import io.saeflow.processors.retention.RecordRetention;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.corpus.TokenMatrix;
import io.saeflow.producer.publish.ActivationProducer;
import io.saeflow.producer.publish.TokenFeed;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.hook.HookPoint;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Through the real stages: a finished run that takes more text. */
class AppendTest {
  private static final String CASE = "openai-topk--blocks.1.hook_resid_post";
  private static final int RANGES = 2;
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir private Path folder;

  @Test
  void aRunThatWasAppendedToHasTheBytesOfOneRunOverAllOfIt() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder.resolve("broker"))) {
      Map<String, Object> kafka = Map.of("bootstrap.servers", broker.bootstrapServers());
      Map<Integer, byte[]> atOnce = records(kafka, "once", List.of(OracleCases.SEQUENCES));
      Map<Integer, byte[]> inPieces = records(kafka, "pieces", List.of(10, 11, 11, 26));

      assertThat(inPieces).hasSize(OracleCases.LATENTS).containsOnlyKeys(atOnce.keySet());
      atOnce.forEach(
          (latent, bytes) -> assertThat(inPieces.get(latent)).as("%d", latent).isEqualTo(bytes));
    }
  }

  /**
   * The last record of each latent.
   *
   * @param ends after how many sequences each feed ends; three sequences are a batch, so that most
   *     of these cut one
   */
  private Map<Integer, byte[]> records(Map<String, Object> kafka, String run, List<Integer> ends)
      throws Exception {
    Topics topics = new Topics(run);
    Path out = folder.resolve(run);
    try (TensorEngine engine = LibtorchEngine.open(1);
        SaeEncoders encoders = SaeEncoders.on(new Device.Cpu(), engine);
        PreparedRun prepared =
            PreparedRun.open(
                OracleCases.run(List.of(CASE), out)
                    .text(Setting.RUN_ID, run)
                    .number(Setting.PARTITIONS, 2)
                    .number(Setting.FEATURE_RANGES, RANGES)
                    .toRunConfig(),
                engine,
                List.of(),
                "0");
        RunTopics runTopics = new RunTopics(kafka, topics)) {
      RunContext context = new RunContext(kafka, prepared.manifest());
      runTopics.create(prepared.manifest(), 2, ExistingOutput.REFUSE);
      try (Processors processors =
              Stages.process(context, "0", prepared.saes(), encoders, out.resolve("state"), 1, 2);
          ActivationProducer producer =
              Stages.produce(
                  context,
                  "0",
                  prepared.model(),
                  2,
                  OptionalInt.of(4),
                  Stages.activations(context));
          RecordRetention retention = RecordRetention.start(kafka, topics, prepared.manifest())) {
        Map<Integer, byte[]> records = Map.of();
        Optional<FeedPosition> fed = Optional.empty();
        for (int end : ends) {
          fed = Optional.of(feed(kafka, topics, end, fed));
          assertThat(fed.get().getSequences()).isEqualTo(end);
          records = completeRecords(kafka, topics, end);
        }
        awaitDeletions(kafka, topics, context.hooks().get(0));
        assertThat(retention.failure()).isNotDone();
        assertThat(processors.failure()).isNotDone();
        assertThat(producer.finished()).isNotDone();
        return records;
      }
    }
  }

  /** Waits until every partition that is only needed once has lost records from its start. */
  private static void awaitDeletions(Map<String, Object> kafka, Topics topics, HookPoint hook)
      throws Exception {
    Map<TopicPartition, OffsetSpec> earliest = new HashMap<>();
    for (String topic : List.of(topics.activations(hook), topics.latents(OracleCases.id(CASE)))) {
      earliest.put(new TopicPartition(topic, 0), OffsetSpec.earliest());
      earliest.put(new TopicPartition(topic, 1), OffsetSpec.earliest());
    }
    try (Admin admin = Admin.create(kafka)) {
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (admin.listOffsets(earliest).all().get().values().stream()
          .anyMatch(start -> start.offset() == 0)) {
        assertThat(System.nanoTime()).as("waited for %s", PATIENCE).isLessThan(deadline);
        Thread.sleep(200);
      }
    }
  }

  private static FeedPosition feed(
      Map<String, Object> kafka, Topics topics, int end, Optional<FeedPosition> fed)
      throws Exception {
    try (TokenFeed feed = TokenFeed.open(kafka, topics);
        TokenBatches batches =
            new TokenBatches(
                topics.run(),
                TokenMatrix.open(OracleCases.FOLDER.resolve("tokens.npy")),
                3,
                1 << 20,
                (long) end * OracleCases.CONTEXT)) {
      if (fed.isPresent()) {
        batches.skip(fed.get());
      }
      return feed.send(batches);
    }
  }

  /** Waits until every latent's last record is complete and covers {@code sequences}. */
  private static Map<Integer, byte[]> completeRecords(
      Map<String, Object> kafka, Topics topics, int sequences) throws Exception {
    Map<String, Object> config = new HashMap<>(kafka);
    config.put("isolation.level", "read_committed");
    config.put("auto.offset.reset", "earliest");
    List<TopicPartition> partitions =
        List.of(
            new TopicPartition(topics.features(OracleCases.id(CASE)), 0),
            new TopicPartition(topics.features(OracleCases.id(CASE)), 1));
    Map<Integer, byte[]> complete = new TreeMap<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (complete.size() < OracleCases.LATENTS) {
        assertThat(System.nanoTime()).as("waited for %s", PATIENCE).isLessThan(deadline);
        for (ConsumerRecord<byte[], byte[]> message : consumer.poll(Duration.ofMillis(200))) {
          FeatureRecord record = AvroCodec.FEATURE.decode(message.value());
          if (record.getComplete() && record.getSequences() == sequences) {
            complete.put(record.getLatent(), message.value());
          }
        }
      }
    }
    return complete;
  }
}
