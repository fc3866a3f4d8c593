// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.sinks.delphi.LatentCache;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.topic.TopicReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Latents that a sink has committed may be deleted, on a real broker. */
@Timeout(120)
class DurableSinkTest {
  private static final Topics TOPICS = new Topics("run");
  private static final String TOPIC = TOPICS.latents("a");
  private static final String GROUP = TOPICS.sinkGroup("sink");
  private static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);
  private static final String SHARD = "delphi/latents/blocks.0.hook_resid_post/0_1.safetensors";

  @TempDir Path folder;

  private final SaeManifest sae =
      SaeManifest.newBuilder()
          .setId("a")
          .setHook("blocks.0.hook_resid_post")
          .setFamily("openai")
          .setArchitecture("topk")
          .setK(1)
          .setNormalization("none")
          .setWidth(2)
          .setLatents(2)
          .setFeatureRanges(1)
          .setSaePath("a")
          .setSha256(Map.of())
          .build();
  private final RunManifest manifest =
      RunManifest.newBuilder()
          .setRun("run")
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
          .setContextLength(2)
          .setPrependBos(false)
          .setDocumentSeparator(null)
          .setBosToken(null)
          .setBatchSize(1)
          .setMaxTokens(null)
          .setTop(1)
          .setRandom(1)
          .setWindow(2)
          .setSeed(0)
          .setSaes(List.of(sae))
          .setTotals(null)
          .build();

  @Test
  void whatIsCommittedIsNotNeededAgain() throws Exception {
    byte[] end = ArrowMessages.encode(new EndOfStream("run", 3, 3, 6));
    Path undisturbed = folder.resolve("undisturbed");
    try (LatentCache cache = cache(undisturbed)) {
      for (int number = 0; number < 3; number++) {
        cache.read(0, batch(number));
      }
      cache.read(0, end);
    }

    Path stopped = folder.resolve("stopped");
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder.resolve("broker"));
        Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
        KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers()),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
      admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
      producer.send(new ProducerRecord<>(TOPIC, batch(0))).get();
      producer.send(new ProducerRecord<>(TOPIC, batch(1))).get();
      try (TopicReader reader = read(broker, stopped)) {
        awaitCommitted(admin, 2);
        assertThat(reader.done()).isNotDone();
      }
      admin.deleteRecords(Map.of(PARTITION, RecordsToDelete.beforeOffset(2))).all().get();
      producer.send(new ProducerRecord<>(TOPIC, batch(2))).get();
      producer.send(new ProducerRecord<>(TOPIC, end)).get();

      try (TopicReader reader = read(broker, stopped)) {
        assertThat(reader.done().get(60, TimeUnit.SECONDS)).isNull();
      }
      awaitCommitted(admin, 4);
      assertThat(stopped.resolve(SHARD)).hasSameBinaryContentAs(undisturbed.resolve(SHARD));

      Path late = folder.resolve("late");
      try (TopicReader reader = read(broker, late)) {
        assertThatThrownBy(() -> reader.done().get(60, TimeUnit.SECONDS))
            .cause()
            .hasMessage(
                "run.latents.a-0: begins at 2 (expected: at most 0, up to where this sink has read; --keep latents, or a sink started before the run, avoids it)");
      }
      assertThat(late).isEmptyDirectory();
    }
  }

  private TopicReader read(EmbeddedBroker broker, Path out) throws IOException {
    Files.createDirectories(out);
    return TopicReader.start(
        Map.of("bootstrap.servers", broker.bootstrapServers()),
        GROUP,
        TOPIC,
        1,
        cache(out),
        sequences -> sequences == 3,
        (message, reason) -> {
          throw new IllegalStateException("rejected: " + reason);
        });
  }

  private LatentCache cache(Path out) throws IOException {
    return new LatentCache(new OutputFolder(out), manifest, sae);
  }

  private static void awaitCommitted(Admin admin, long offset) throws Exception {
    long committed = -1;
    for (int tries = 0; tries < 300 && committed != offset; tries++) {
      Thread.sleep(100);
      var offsets = admin.listConsumerGroupOffsets(GROUP).partitionsToOffsetAndMetadata().get();
      committed = offsets.containsKey(PARTITION) ? offsets.get(PARTITION).offset() : -1;
    }
    assertThat(committed).isEqualTo(offset);
  }

  /** One sequence; latent 1 is {@code number + 1} on its second token. */
  private static byte[] batch(int number) {
    return ArrowMessages.encode(
        new LatentBatch(
            new TokenBatch("run", number, number, 2, new int[] {number, 7}, List.of(List.of())),
            "a",
            new FeatureRange(0, 1, 2),
            EncodingSummary.withoutDecoder(0, 1),
            new int[] {0, 0, 1},
            new int[] {1},
            new float[] {number + 1}));
  }
}
