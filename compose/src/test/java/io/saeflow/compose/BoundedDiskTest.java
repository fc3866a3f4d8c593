// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.processors.retention.RecordRetention;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.corpus.TokenMatrix;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.producer.publish.ActivationProducer;
import io.saeflow.producer.publish.ActivationProducerConfig;
import io.saeflow.producer.publish.DenseActivations;
import io.saeflow.producer.publish.TokenFeed;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationDtype;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a real broker: what waits between stages stays bounded, in Kafka and on its disk. */
class BoundedDiskTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final Topics TOPICS = new Topics("bounded");
  private static final HookPoint HOOK = HookPoint.parse("blocks.1.hook_resid_post");
  private static final TopicPartition ACTIVATIONS = new TopicPartition(TOPICS.activations(HOOK), 0);
  private static final TopicPartition LATENTS = new TopicPartition(TOPICS.latents("a"), 0);

  @TempDir private Path folder;

  private EmbeddedBroker broker;
  private Map<String, Object> kafka;
  private Admin admin;

  @BeforeEach
  void startTheBroker() throws IOException {
    broker = EmbeddedBroker.start(folder);
    kafka = Map.of("bootstrap.servers", broker.bootstrapServers());
    admin = Admin.create(kafka);
    try (RunTopics topics = new RunTopics(kafka, TOPICS)) {
      topics.create(manifest(), 1, ExistingOutput.REFUSE);
    }
  }

  @AfterEach
  void stopTheBroker() {
    admin.close();
    broker.close();
  }

  /** 26 batches of one sequence; the encoders are played by the commits of their group. */
  @Test
  void theModelWaitsUntilTheEncodersAreCloseEnough() throws Exception {
    int most = 3;
    try (TokenFeed feed = TokenFeed.open(kafka, TOPICS);
        TokenBatches batches =
            new TokenBatches(
                TOPICS.run(),
                TokenMatrix.open(OracleCases.FOLDER.resolve("tokens.npy")),
                1,
                1 << 20,
                TokenBatches.ALL_TOKENS)) {
      feed.send(batches);
    }
    try (TensorEngine engine = LibtorchEngine.open(1);
        Gpt2 model =
            Gpt2.load(
                OracleCases.FOLDER.resolve("model"),
                engine,
                WritingWeights.AS_STORED,
                ModelDtype.FLOAT32);
        ActivationProducer producer =
            ActivationProducer.start(
                new ActivationProducerConfig(kafka, TOPICS, List.of(HOOK), "0", 1, 1, most),
                model,
                new DenseActivations(TOPICS, List.of(HOOK), ActivationDtype.FLOAT32))) {
      long committed = 0;
      int rounds = 0;
      while (producer.tokens() < (long) OracleCases.SEQUENCES * OracleCases.CONTEXT) {
        long from = committed;
        await(() -> offset(ACTIVATIONS, OffsetSpec.latest()) > from + most);
        long end = offset(ACTIVATIONS, OffsetSpec.latest());
        // Each batch is a transaction here, which ends with a record of its own.
        assertThat(end - committed).isBetween(most + 1L, 2L * (most + 1));
        committed = end;
        commit(TOPICS.encodeGroup(0), ACTIVATIONS, committed);
        rounds++;
        assertThat(producer.finished()).isNotDone();
      }
      assertThat(rounds).isGreaterThanOrEqualTo(OracleCases.SEQUENCES / (most + 1));
    }
  }

  @Test
  void recordsAreDeletedBelowWhatEveryReaderHasCommitted() throws Exception {
    for (TopicPartition partition : List.of(ACTIVATIONS, LATENTS)) {
      // As small as a broker allows; a real run's segments hold the largest message.
      admin
          .incrementalAlterConfigs(
              Map.of(
                  new ConfigResource(ConfigResource.Type.TOPIC, partition.topic()),
                  List.of(
                      new AlterConfigOp(
                          new ConfigEntry(
                              TopicConfig.SEGMENT_BYTES_CONFIG, Integer.toString(1 << 20)),
                          AlterConfigOp.OpType.SET))))
          .all()
          .get();
      fill(partition, 10);
    }
    // No two records fit into one; the first two may, if the log has not heard of the size yet.
    assertThat(segments(ACTIVATIONS)).hasSizeBetween(9, 10);
    assertThat(segments(LATENTS)).hasSizeBetween(9, 10);
    try (RecordRetention retention = RecordRetention.start(kafka, TOPICS, manifest())) {
      commit(TOPICS.aggregateGroup(0), LATENTS, 9);
      commit(TOPICS.encodeGroup(0), ACTIVATIONS, 5);
      await(() -> offset(ACTIVATIONS, OffsetSpec.earliest()) == 5);
      assertThat(offset(LATENTS, OffsetSpec.earliest())).as("the sink has nothing yet").isZero();

      commit(TOPICS.sinkGroup("cache"), LATENTS, 6);
      await(() -> offset(LATENTS, OffsetSpec.earliest()) == 6);
      commit(TOPICS.encodeGroup(0), ACTIVATIONS, 10);
      await(() -> offset(ACTIVATIONS, OffsetSpec.earliest()) == 10);
      // The broker first looks 30 seconds after its start. The segment that is written to stays.
      await(() -> segments(ACTIVATIONS).size() == 1);
      await(() -> segments(LATENTS).size() == 4);
      assertThat(retention.failure()).isNotDone();
    }
  }

  private static RunManifest manifest() {
    assertThat(AvroCodec.MANIFEST).as("loaded before a manifest is built").isNotNull();
    SaeManifest sae =
        SaeManifest.newBuilder()
            .setId("a")
            .setHook(HOOK.name())
            .setFamily("openai")
            .setArchitecture("relu")
            .setK(null)
            .setNormalization("none")
            .setWidth(8)
            .setLatents(16)
            .setFeatureRanges(1)
            .setSaePath("a")
            .setSha256(Map.of())
            .build();
    return RunManifest.newBuilder()
        .setRun(TOPICS.run())
        .setSaeflowVersion("0")
        .setSubject("tiny")
        .setModelSha256(Map.of())
        .setModelDtype("float32")
        .setVocabularySize(100)
        .setCenterWritingWeights(false)
        .setDataset(List.of())
        .setDatasetSha256(Map.of())
        .setTextField(null)
        .setTokenizerSha256(Map.of())
        .setContextLength(4)
        .setPrependBos(false)
        .setDocumentSeparator(null)
        .setBosToken(null)
        .setBatchSize(1)
        .setMaxTokens(null)
        .setTop(1)
        .setRandom(1)
        .setWindow(4)
        .setSeed(0)
        .setLatentSinks(List.of("cache"))
        .setSaes(List.of(sae))
        .setTotals(null)
        .build();
  }

  private void fill(TopicPartition partition, int records) throws Exception {
    byte[] value = new byte[(1 << 20) - (1 << 10)];
    new Random(1).nextBytes(value);
    Map<String, Object> config = new HashMap<>(kafka);
    config.put("max.request.size", Topics.MAX_REQUEST_BYTES);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < records; i++) {
        producer
            .send(new ProducerRecord<>(partition.topic(), partition.partition(), null, value))
            .get();
      }
    }
  }

  private void commit(String group, TopicPartition partition, long offset) throws Exception {
    admin
        .alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(offset)))
        .all()
        .get();
  }

  /** As a reader of committed records sees it: an open transaction is not there, a marker is. */
  private long offset(TopicPartition partition, OffsetSpec spec) throws Exception {
    ListOffsetsOptions committed = new ListOffsetsOptions(IsolationLevel.READ_COMMITTED);
    return admin
        .listOffsets(Map.of(partition, spec), committed)
        .partitionResult(partition)
        .get()
        .offset();
  }

  /** The segments' files, those about to be deleted among them. */
  private List<Path> segments(TopicPartition partition) throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve(partition.toString()))) {
      return files
          .filter(
              file -> {
                String name = file.getFileName().toString();
                return name.endsWith(".log") || name.endsWith(".log.deleted");
              })
          .toList();
    }
  }

  private static void await(Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as("waited for %s", PATIENCE).isLessThan(deadline);
      Thread.sleep(100);
    }
  }
}
