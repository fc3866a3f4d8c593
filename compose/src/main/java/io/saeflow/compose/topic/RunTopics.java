// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Makes and removes a run's topics. */
public final class RunTopics implements AutoCloseable {
  private static final Map<String, String> KEEP_ALL =
      Map.of(
          TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(Topics.MAX_REQUEST_BYTES),
          TopicConfig.RETENTION_MS_CONFIG, "-1",
          TopicConfig.RETENTION_BYTES_CONFIG, "-1");

  /**
   * For topics that records are deleted from: a broker frees whole segments only, so they are as
   * small as the largest request allows.
   */
  private static final Map<String, String> KEEP_UNTIL_READ =
      Map.of(
          TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(Topics.MAX_REQUEST_BYTES),
          TopicConfig.RETENTION_MS_CONFIG, "-1",
          TopicConfig.RETENTION_BYTES_CONFIG, "-1",
          TopicConfig.SEGMENT_BYTES_CONFIG, Integer.toString(Topics.MAX_REQUEST_BYTES),
          TopicConfig.FILE_DELETE_DELAY_MS_CONFIG, "1000");

  private static final Map<String, String> COMPACT =
      Map.of(
          TopicConfig.MAX_MESSAGE_BYTES_CONFIG,
          Integer.toString(Topics.MAX_REQUEST_BYTES),
          TopicConfig.CLEANUP_POLICY_CONFIG,
          TopicConfig.CLEANUP_POLICY_COMPACT);

  /** How long a cluster may take to answer its first request. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final int ANSWER_MS = 5000;
  private static final int ASK_AGAIN_MS = 200;

  private final Admin admin;
  private final Topics topics;
  private final String servers;

  /**
   * Connects to nothing yet.
   *
   * @param kafka client properties, {@code bootstrap.servers} among them
   * @throws BadInputException if a property has a value that Kafka refuses
   */
  public RunTopics(Map<String, Object> kafka, Topics topics) {
    this.topics = topics;
    this.servers = String.valueOf(kafka.get(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG));
    try {
      this.admin = Admin.create(new HashMap<>(kafka));
    } catch (KafkaException e) {
      Throwable reason = e.getCause() == null ? e : e.getCause();
      throw new BadInputException(
          "bootstrap-servers: %s: %s (expected: host:port,... and properties that Kafka knows)"
              .formatted(servers, reason.getMessage()),
          e);
    }
  }

  /** The cluster, as it was given. */
  public String servers() {
    return servers;
  }

  /**
   * Whether the cluster answers now.
   *
   * @throws BadInputException if it refuses the credentials
   */
  public boolean answers() {
    try {
      await(admin.describeCluster(new DescribeClusterOptions().timeoutMs(ANSWER_MS)).nodes());
      return true;
    } catch (KafkaException e) {
      if (e.getCause() instanceof RetriableException) {
        return false;
      }
      throw explained(e);
    }
  }

  /**
   * Those of the run's topics that are there.
   *
   * @throws BadInputException if the cluster does not answer or refuses the credentials
   */
  public Set<String> present() {
    int patience = Math.toIntExact(PATIENCE.toMillis());
    try {
      return await(admin.listTopics(new ListTopicsOptions().timeoutMs(patience)).names()).stream()
          .filter(topics::contains)
          .collect(Collectors.toSet());
    } catch (KafkaException e) {
      throw explained(e);
    }
  }

  /**
   * Checks that the run has begun here.
   *
   * @throws BadInputException if not, if the cluster does not answer or refuses the credentials
   */
  public void requireBegun() {
    if (!present().contains(topics.manifest())) {
      throw notBegun();
    }
  }

  /** What to say of a run that has no manifest here. */
  public BadInputException notBegun() {
    return new BadInputException(
        "run-id: '%s' has not begun at %s (expected: a run that 'saeflow feed' began)"
            .formatted(topics.run(), servers));
  }

  /** How many partitions the tokens topic has, and so each activations topic. */
  public int partitionsOfTokens() {
    return partitions(topics.tokens());
  }

  /**
   * Checks that a topic still holds its first record.
   *
   * @throws BadInputException if records were deleted
   */
  public void requireWhole(String topic) {
    int partitions = partitions(topic);
    Map<TopicPartition, OffsetSpec> earliest = new HashMap<>();
    for (int p = 0; p < partitions; p++) {
      earliest.put(new TopicPartition(topic, p), OffsetSpec.earliest());
    }
    await(admin.listOffsets(earliest).all())
        .forEach(
            (partition, begin) -> {
              if (begin.offset() > 0) {
                throw new BadInputException(
                    "%s: begins at offset %d (expected: 0, all records, which 'saeflow feed --keep activations' keeps)"
                        .formatted(partition, begin.offset()));
              }
            });
  }

  /**
   * Says whether {@link #create} can begin, and makes nothing.
   *
   * @param partitions of the tokens and activations topics
   * @throws BadInputException if the cluster does not answer or refuses the credentials, the run's
   *     topics are there and {@code existing} does not allow that, or one of them has another
   *     number of partitions
   */
  public void check(RunManifest run, int partitions, ExistingOutput existing) {
    presentAndAllowed(wanted(run, partitions), existing);
  }

  /**
   * Makes the topics that are missing; when overwriting, all anew.
   *
   * @param partitions of the tokens and activations topics
   * @throws BadInputException as {@link #check}
   */
  public void create(RunManifest run, int partitions, ExistingOutput existing) {
    List<NewTopic> wanted = wanted(run, partitions);
    Set<String> present = presentAndAllowed(wanted, existing);
    if (existing == ExistingOutput.OVERWRITE && !present.isEmpty()) {
      delete(present);
      present = Set.of();
    }
    Set<String> there = present;
    await(
        admin
            .createTopics(wanted.stream().filter(topic -> !there.contains(topic.name())).toList())
            .all());
  }

  private List<NewTopic> wanted(RunManifest run, int partitions) {
    List<NewTopic> wanted = new ArrayList<>();
    wanted.add(topic(topics.tokens(), partitions, KEEP_ALL));
    Set<String> activations = new TreeSet<>();
    for (SaeManifest sae : run.getSaes()) {
      if (EncodeAt.of(run.getEncodeAt()) == EncodeAt.PROCESS) {
        activations.add(topics.activations(HookPoint.parse(sae.getHook())));
      }
      wanted.add(topic(topics.latents(sae.getId()), sae.getFeatureRanges(), KEEP_UNTIL_READ));
      wanted.add(topic(topics.features(sae.getId()), sae.getFeatureRanges(), COMPACT));
    }
    activations.forEach(name -> wanted.add(topic(name, partitions, KEEP_UNTIL_READ)));
    wanted.add(topic(topics.deadLetters(), 1, KEEP_ALL));
    wanted.add(topic(topics.manifest(), 1, COMPACT));
    return wanted;
  }

  /** Removes the activations topics: what a finished run needs no more takes the most room. */
  public void deleteActivations(List<HookPoint> hooks) {
    await(admin.deleteTopics(hooks.stream().map(topics::activations).toList()).all());
  }

  @Override
  public void close() {
    admin.close();
  }

  private Set<String> presentAndAllowed(List<NewTopic> wanted, ExistingOutput existing) {
    Set<String> present = present();
    if (!present.isEmpty()) {
      switch (existing) {
        case REFUSE ->
            throw new BadInputException(
                "run-id: '%s' has topics on this cluster already (expected: a new run id, --resume or --overwrite)"
                    .formatted(topics.run()));
        case OVERWRITE -> {}
        case RESUME -> requirePartitions(wanted, present);
      }
    }
    return present;
  }

  /** A broker may not have heard yet of a topic that another one has made. */
  private int partitions(String topic) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try {
        return await(admin.describeTopics(List.of(topic)).allTopicNames())
            .get(topic)
            .partitions()
            .size();
      } catch (KafkaException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)
            || System.nanoTime() - deadline > 0) {
          throw e;
        }
      }
      try {
        Thread.sleep(ASK_AGAIN_MS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new KafkaException("interrupted", e);
      }
    }
  }

  private KafkaException explained(KafkaException e) {
    if (e.getCause() instanceof TimeoutException) {
      throw new BadInputException(
          "bootstrap-servers: %s: no answer (expected: a Kafka cluster that answers within %d s)"
              .formatted(servers, PATIENCE.toSeconds()),
          e);
    }
    if (e.getCause() instanceof AuthenticationException
        || e.getCause() instanceof AuthorizationException) {
      throw new BadInputException(
          "bootstrap-servers: %s: %s (expected: properties under kafka that the cluster accepts)"
              .formatted(servers, e.getCause().getMessage()),
          e);
    }
    return e;
  }

  private void requirePartitions(List<NewTopic> wanted, Set<String> present) {
    Map<String, TopicDescription> descriptions =
        await(admin.describeTopics(present).allTopicNames());
    for (NewTopic topic : wanted) {
      TopicDescription description = descriptions.get(topic.name());
      if (description != null && description.partitions().size() != topic.numPartitions()) {
        throw new BadInputException(
            "topic %s: %d partitions (expected: %d; resume with the options that the run began with)"
                .formatted(topic.name(), description.partitions().size(), topic.numPartitions()));
      }
    }
  }

  /** Deletes what the run's consumers had committed, then topics. */
  private void delete(Set<String> names) {
    List<String> groups =
        await(admin.listGroups().all()).stream()
            .map(GroupListing::groupId)
            .filter(topics::containsGroup)
            .toList();
    for (String group : groups) {
      try {
        // A process that died is a member until its session has run out.
        if (!await(admin.describeConsumerGroups(List.of(group)).describedGroups().get(group))
            .members()
            .isEmpty()) {
          await(
              admin
                  .removeMembersFromConsumerGroup(
                      group, new RemoveMembersFromConsumerGroupOptions())
                  .all());
        }
        await(admin.deleteConsumerGroups(List.of(group)).all());
      } catch (KafkaException e) {
        if (!(e.getCause() instanceof GroupIdNotFoundException)) {
          throw e;
        }
      }
    }
    await(admin.deleteTopics(names).all());
  }

  private static NewTopic topic(String name, int partitions, Map<String, String> config) {
    return new NewTopic(name, Optional.of(partitions), Optional.empty()).configs(config);
  }

  private static <T> T await(KafkaFuture<T> future) {
    try {
      return future.get();
    } catch (ExecutionException e) {
      throw new KafkaException(String.valueOf(e.getCause().getMessage()), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KafkaException("interrupted", e);
    }
  }
}
