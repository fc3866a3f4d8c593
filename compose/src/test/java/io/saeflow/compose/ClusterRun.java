// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.status.RunStatus;
import io.saeflow.compose.status.StatusReader;
import io.saeflow.compose.status.StatusText;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.schemas.Topics;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;

/** A run on a {@link Cluster}: a feed, two producers, two processors and a sink. */
final class ClusterRun implements AutoCloseable {
  static final String FEED = "feed";
  static final String SINK = "sink";

  /** Those that go on until they are stopped. */
  static final List<String> STAGES = List.of("produce-1", "produce-2", "process-1", "process-2");

  private static final Path MODEL = OracleCases.FOLDER.resolve("model");

  private final Cluster cluster;
  private final Shape shape;
  private final String id;
  private final String name;
  private final Path tokens;
  private final Path folder;
  private final Map<String, Object> kafka;
  private final Topics topics;
  private final Admin admin;
  private final StatusReader statuses;

  /**
   * How the work is cut.
   *
   * @param sequences of the corpus
   * @param batch sequences a batch
   */
  record Shape(int sequences, int batch, int partitions, int ranges, EncodeAt encodeAt) {
    long tokens() {
      return (long) sequences * OracleCases.CONTEXT;
    }
  }

  /**
   * Starts nothing yet.
   *
   * @param id of the run
   * @param name of the oracle's case
   * @param tokens of {@code shape.sequences()} sequences
   * @param folder for what the processes keep
   */
  ClusterRun(Cluster cluster, Shape shape, String id, String name, Path tokens, Path folder) {
    this.cluster = cluster;
    this.shape = shape;
    this.id = id;
    this.name = name;
    this.tokens = tokens;
    this.folder = folder;
    // Who asks while a broker is down must soon ask again.
    this.kafka =
        Map.of(
            "bootstrap.servers",
            cluster.bootstrapServers(),
            "request.timeout.ms",
            "3000",
            "default.api.timeout.ms",
            "5000");
    this.topics = new Topics(id);
    this.admin = Admin.create(kafka);
    this.statuses = new StatusReader(kafka, topics);
  }

  Topics topics() {
    return topics;
  }

  /** Where the sink writes. */
  Path out() {
    return folder.resolve("out");
  }

  /**
   * What {@code saeflow run} makes of the same corpus in one process and one partition, without
   * this cluster.
   *
   * @return its output folder
   */
  Path alone(Duration patience) throws IOException, InterruptedException {
    Path out = folder.resolve("alone");
    List<String> arguments =
        new ArrayList<>(List.of("run", "--run-id=" + id, "--out=" + out, "--partitions=1"));
    arguments.addAll(definition());
    cluster.start("alone", arguments);
    assertThat(cluster.awaitExit("alone", patience)).as(cluster.output("alone")).isZero();
    return out;
  }

  /** Starts all roles. */
  void start() throws IOException {
    for (String role : STAGES) {
      start(role);
    }
    start(SINK);
    start(FEED);
  }

  private void start(String role) throws IOException {
    List<String> arguments = new ArrayList<>();
    arguments.add(role.split("-", -1)[0]);
    arguments.add("--run-id=" + id);
    arguments.add("--bootstrap-servers=" + cluster.bootstrapServers());
    // Often, so that state is saved many times between two kills.
    arguments.add("--kafka=commit.interval.ms=200");
    switch (arguments.get(0)) {
      case "feed" -> {
        arguments.addAll(definition());
        arguments.add("--partitions=" + shape.partitions());
        arguments.add("--encode-at=" + shape.encodeAt().id());
      }
      case "produce" -> {
        arguments.addAll(List.of("--name=" + role, "--model=" + MODEL, "--threads=1"));
        if (shape.encodeAt() == EncodeAt.PRODUCER) {
          arguments.add("--sae=" + sae());
        }
      }
      case "process" -> {
        arguments.addAll(
            List.of(
                "--name=" + role,
                "--state=" + folder.resolve(role),
                "--threads=1",
                "--stream-threads=1"));
        if (shape.encodeAt() == EncodeAt.PROCESS) {
          arguments.add("--sae=" + sae());
        }
      }
      case "sink" -> arguments.add("--out=" + out());
      default -> throw new IllegalArgumentException(role);
    }
    cluster.start(role, arguments);
  }

  /** Whether the feed has made the run's topics. */
  boolean begun() {
    try {
      return topicsOfCluster().contains(topics.manifest());
    } catch (KafkaException e) {
      return false;
    }
  }

  /** How far the run is; empty if it has not begun or the cluster does not answer now. */
  Optional<RunStatus> status() {
    try {
      return begun()
          ? new ManifestTopic(kafka, topics).read().map(statuses::read)
          : Optional.empty();
    } catch (KafkaException e) {
      return Optional.empty();
    }
  }

  /** What {@code saeflow status} says. */
  String statusText() {
    StringWriter text = new StringWriter();
    status()
        .ifPresentOrElse(
            status -> StatusText.print(status, new PrintWriter(text)),
            () -> text.append("no status: the cluster does not answer"));
    return text.toString();
  }

  /** The part of all tokens that is aggregated. */
  double progress() {
    return status()
        .map(status -> (double) status.progress().tokensDone() / shape.tokens())
        .orElse(0.0);
  }

  /** Whether every partition of the cluster has all its replicas in sync. */
  boolean wholeCluster() {
    try {
      for (TopicDescription topic :
          await(admin.describeTopics(topicsOfCluster()).allTopicNames()).values()) {
        if (topic.partitions().stream()
            .anyMatch(info -> info.isr().size() < info.replicas().size())) {
          return false;
        }
      }
      return true;
    } catch (KafkaException e) {
      return false;
    }
  }

  @Override
  public void close() {
    statuses.close();
    admin.close();
  }

  /** The names of all topics, Kafka's own too. */
  private Set<String> topicsOfCluster() {
    return await(admin.listTopics(new ListTopicsOptions().listInternal(true)).names());
  }

  private List<String> definition() {
    return List.of(
        "--model=" + MODEL,
        "--sae=" + sae(),
        "--hook=" + OracleCases.hook(name),
        "--tokens=" + tokens,
        "--batch-size=" + shape.batch(),
        "--feature-ranges=" + shape.ranges(),
        "--window=8");
  }

  private Path sae() {
    return OracleCases.FOLDER.resolve("cases").resolve(name).resolve("sae");
  }

  private static <T> T await(KafkaFuture<T> future) {
    try {
      return future.get();
    } catch (ExecutionException e) {
      throw new KafkaException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KafkaException(e);
    }
  }
}
