// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.TimeoutException;

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

  /**
   * Says whether {@link #create} can begin, and makes nothing.
   *
   * @param partitions of the tokens and activations topics
   * @throws BadInputException if the cluster does not answer, the run's topics are there and {@code
   *     existing} does not allow that, or one of them has another number of partitions
   */
  public void check(
      List<HookPoint> hooks, List<SaeManifest> saes, int partitions, ExistingOutput existing) {
    presentAndAllowed(wanted(hooks, saes, partitions), existing);
  }

  /**
   * Makes the topics that are missing; when overwriting, all anew.
   *
   * @param partitions of the tokens and activations topics
   * @throws BadInputException as {@link #check}
   */
  public void create(
      List<HookPoint> hooks, List<SaeManifest> saes, int partitions, ExistingOutput existing) {
    List<NewTopic> wanted = wanted(hooks, saes, partitions);
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

  private List<NewTopic> wanted(List<HookPoint> hooks, List<SaeManifest> saes, int partitions) {
    List<NewTopic> wanted = new ArrayList<>();
    wanted.add(topic(topics.tokens(), partitions, KEEP_ALL));
    for (HookPoint hook : hooks) {
      wanted.add(topic(topics.activations(hook), partitions, KEEP_UNTIL_READ));
    }
    for (SaeManifest sae : saes) {
      wanted.add(topic(topics.latents(sae.getId()), sae.getFeatureRanges(), KEEP_UNTIL_READ));
      wanted.add(topic(topics.features(sae.getId()), sae.getFeatureRanges(), COMPACT));
    }
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

  private Set<String> present() {
    int patience = Math.toIntExact(PATIENCE.toMillis());
    try {
      return await(admin.listTopics(new ListTopicsOptions().timeoutMs(patience)).names()).stream()
          .filter(topics::contains)
          .collect(Collectors.toSet());
    } catch (KafkaException e) {
      if (e.getCause() instanceof TimeoutException) {
        throw new BadInputException(
            "bootstrap-servers: %s: no answer (expected: a Kafka cluster that answers within %d s)"
                .formatted(servers, PATIENCE.toSeconds()),
            e);
      }
      throw e;
    }
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
