// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.schemas.Topics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedBrokerTest {
  private static final String TOPIC = "run.activations";

  @Test
  void aLargeRecordSurvivesARestart(@TempDir Path directory) throws Exception {
    byte[] value = new byte[20 << 20];
    new Random(7).nextBytes(value);
    String clusterId;

    try (EmbeddedBroker broker = EmbeddedBroker.start(directory)) {
      assertThat(broker.bootstrapServers()).startsWith("127.0.0.1:");
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
        clusterId = admin.describeCluster().clusterId().get();
        admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
      }
      try (KafkaProducer<byte[], byte[]> producer = producer(broker)) {
        producer.send(new ProducerRecord<>(TOPIC, value)).get();
      }
      assertThat(only(broker).value()).isEqualTo(value);
    }

    try (EmbeddedBroker broker = EmbeddedBroker.start(directory)) {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
        assertThat(admin.describeCluster().clusterId().get()).isEqualTo(clusterId);
        assertThat(admin.listTopics().names().get()).containsExactly(TOPIC);
      }
      assertThat(only(broker).value()).isEqualTo(value);
    }
  }

  @Test
  void whatKafkaHadNoTimeToDeleteGoes(@TempDir Path directory) throws IOException {
    Path deleted = directory.resolve("activations-0.0123456789abcdef-delete");
    EmbeddedBroker broker = EmbeddedBroker.start(directory);
    Files.writeString(Files.createDirectory(deleted).resolve("0.log"), "records");

    broker.close();
    broker.close();

    assertThat(deleted).doesNotExist();
    assertThat(directory.resolve("meta.properties")).exists();
  }

  @Test
  void aFolderOfSomethingElseIsRefused(@TempDir Path directory) throws IOException {
    Files.writeString(directory.resolve("meta.properties"), "version=1\n");

    assertThatThrownBy(() -> EmbeddedBroker.start(directory))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("meta.properties")
        .hasMessageContaining("no cluster.id");
  }

  private static KafkaProducer<byte[], byte[]> producer(EmbeddedBroker broker) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", broker.bootstrapServers());
    properties.put("max.request.size", Topics.MAX_REQUEST_BYTES);
    properties.put("buffer.memory", 2L * Topics.MAX_REQUEST_BYTES);
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static ConsumerRecord<byte[], byte[]> only(EmbeddedBroker broker) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", broker.bootstrapServers());
    properties.put("auto.offset.reset", "earliest");
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(new TopicPartition(TOPIC, 0)));
      long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (System.nanoTime() < deadline) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          return record;
        }
      }
      throw new AssertionError("no record within 60 s");
    }
  }
}
