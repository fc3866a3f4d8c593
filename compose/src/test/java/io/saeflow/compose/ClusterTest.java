// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three brokers as processes. */
class ClusterTest {
  private static final String TOPIC = "run.tokens";
  private static final int PARTITIONS = 2;
  private static final int MESSAGES = 200;

  @TempDir Path folder;

  @Test
  void acknowledgedMessagesSurviveTheKillOfEachBroker() throws Exception {
    try (Cluster cluster = Cluster.start("brokers", folder)) {
      Map<String, Object> kafka = Map.of("bootstrap.servers", cluster.bootstrapServers());
      try (Admin admin = Admin.create(kafka);
          KafkaProducer<Integer, Integer> producer = producer(kafka)) {
        admin
            .createTopics(List.of(new NewTopic(TOPIC, Optional.of(PARTITIONS), Optional.empty())))
            .all()
            .get();
        assertThat(config(admin, "min.insync.replicas")).isEqualTo("2");
        assertThat(config(admin, "unclean.leader.election.enable")).isEqualTo("false");
        producer.initTransactions();
        int sent = send(producer, 0);
        for (String broker : Cluster.BROKERS) {
          awaitAllInSync(admin, TOPIC, "__transaction_state");
          cluster.kill(broker);
          sent = send(producer, sent);
          cluster.restart(broker);
          cluster.awaitBroker(broker);
        }
        assertThat(sent).isEqualTo(MESSAGES * 4);
        assertThat(read(kafka, sent)).containsExactlyInAnyOrderElementsOf(upTo(sent));
      }
      // The last one to go has nobody to hand over to, and ends all the same.
      for (String broker : Cluster.BROKERS) {
        assertThat(cluster.stop(broker)).isEqualTo(143);
      }
    }
  }

  /** Sends in one transaction and waits for every acknowledgement. */
  private static int send(KafkaProducer<Integer, Integer> producer, int from) throws Exception {
    producer.beginTransaction();
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (int i = from; i < from + MESSAGES; i++) {
      sent.add(producer.send(new ProducerRecord<>(TOPIC, i % PARTITIONS, i, i)));
    }
    for (Future<RecordMetadata> message : sent) {
      message.get();
    }
    producer.commitTransaction();
    return from + MESSAGES;
  }

  private static List<Integer> read(Map<String, Object> kafka, int count) {
    Map<String, Object> config = new HashMap<>(kafka);
    config.put("isolation.level", "read_committed");
    config.put("auto.offset.reset", "earliest");
    List<Integer> read = new ArrayList<>();
    try (KafkaConsumer<Integer, Integer> consumer =
        new KafkaConsumer<>(config, new IntegerDeserializer(), new IntegerDeserializer())) {
      consumer.assign(List.of(new TopicPartition(TOPIC, 0), new TopicPartition(TOPIC, 1)));
      long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
      while (read.size() < count && System.nanoTime() < deadline) {
        consumer.poll(Duration.ofSeconds(1)).forEach(record -> read.add(record.value()));
      }
    }
    return read;
  }

  private static List<Integer> upTo(int count) {
    List<Integer> numbers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      numbers.add(i);
    }
    return numbers;
  }

  private static String config(Admin admin, String key) throws Exception {
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
    return whenKnown(() -> admin.describeConfigs(List.of(topic)).all().get())
        .get(topic)
        .get(key)
        .value();
  }

  /** A broker may not have heard yet of a topic that another one has made. */
  private static <T> T whenKnown(Callable<T> question) throws Exception {
    long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    while (true) {
      try {
        return question.call();
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)
            || System.nanoTime() - deadline > 0) {
          throw e;
        }
        Thread.sleep(100);
      }
    }
  }

  /** Only then may the next broker fail: a majority must always have every message. */
  private static void awaitAllInSync(Admin admin, String... topics) throws Exception {
    long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    for (String topic : topics) {
      while (!areAllInSync(admin, topic)) {
        assertThat(System.nanoTime() - deadline).as("%s to be in sync", topic).isNegative();
        Thread.sleep(100);
      }
    }
  }

  private static boolean areAllInSync(Admin admin, String topic) throws Exception {
    TopicDescription description =
        whenKnown(() -> admin.describeTopics(List.of(topic)).allTopicNames().get()).get(topic);
    for (TopicPartitionInfo partition : description.partitions()) {
      assertThat(partition.replicas()).hasSize(3);
      if (partition.isr().size() < 3) {
        return false;
      }
    }
    return true;
  }

  private static KafkaProducer<Integer, Integer> producer(Map<String, Object> kafka) {
    Map<String, Object> config = new HashMap<>(kafka);
    config.put("acks", "all");
    config.put("transactional.id", "test");
    return new KafkaProducer<>(config, new IntegerSerializer(), new IntegerSerializer());
  }
}
