// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
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

/** {@code saeflow dead-letters} against a real broker. */
class DeadLettersCommandTest {
  private static final Topics TOPICS = new Topics("r");

  @TempDir Path folder;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void listsTheLettersAndPutsThemBackOnce() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder.resolve("broker"))) {
      Map<String, Object> kafka = Map.of("bootstrap.servers", broker.bootstrapServers());
      assertThat(command(broker, "r")).isEqualTo(2);
      assertThat(err.toString().strip())
          .isEqualTo(
              "saeflow: run-id: 'r' has not begun at %s (expected: a run that 'saeflow feed' began)"
                  .formatted(broker.bootstrapServers()));

      makeTopics(kafka);
      sendLetter(kafka, TOPICS.tokens(), new byte[] {1, 2, 3}, "too long");
      sendLetter(kafka, TOPICS.features("a"), new byte[0], "no record");
      assertThat(command(broker, "r")).isZero();
      assertThat(out.toString().lines())
          .containsExactly(
              "0  3 bytes  r.tokens-0@17: too long", "1  0 bytes  r.features.a-0@17: no record");

      assertThat(command(broker, "r", "--replay")).isZero();
      assertThat(out.toString().strip()).isEqualTo("1 messages put back");
      assertThat(command(broker, "r", "--replay")).isZero();
      assertThat(out.toString().strip()).isEqualTo("0 messages put back");
      assertThat(command(broker, "r")).isZero();
      assertThat(out.toString().lines())
          .containsExactly(
              "0  3 bytes  put back  r.tokens-0@17: too long",
              "1  0 bytes  r.features.a-0@17: no record");
      assertThat(only(kafka, TOPICS.tokens())).containsExactly(1, 2, 3);
    }
  }

  private static void makeTopics(Map<String, Object> kafka) throws Exception {
    try (Admin admin = Admin.create(kafka)) {
      admin
          .createTopics(
              Stream.of(
                      TOPICS.manifest(),
                      TOPICS.tokens(),
                      TOPICS.features("a"),
                      TOPICS.deadLetters())
                  .map(topic -> new NewTopic(topic, 1, (short) 1))
                  .toList())
          .all()
          .get();
    }
  }

  private static void sendLetter(
      Map<String, Object> kafka, String origin, byte[] value, String reason) throws Exception {
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(TOPICS.deadLetters(), 0, null, value);
    DeadLetterHeaders.of(origin, 0, 17, reason).forEach(letter.headers()::add);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(kafka, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.send(letter).get();
    }
  }

  /** The value of the topic's first record. */
  private static byte[] only(Map<String, Object> kafka, String topic) {
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(kafka, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (System.nanoTime() < deadline) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          return record.value();
        }
      }
    }
    throw new AssertionError(topic + ": empty (expected: a message)");
  }

  private int command(EmbeddedBroker broker, String run, String... more) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    Stream<String> line =
        Stream.of(
            "dead-letters", "--bootstrap-servers", broker.bootstrapServers(), "--run-id", run);
    return Saeflow.commandLine(
            (config, output, listener) -> {
              throw new AssertionError("no run");
            },
            (model, tokens, target) -> {
              throw new AssertionError("no text");
            },
            folder,
            folder)
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(Stream.concat(line, Stream.of(more)).toArray(String[]::new));
  }
}
