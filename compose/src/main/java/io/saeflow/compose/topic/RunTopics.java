// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.GroupIdNotFoundException;

/** Makes and removes a run's topics. */
public final class RunTopics implements AutoCloseable {
  private static final Map<String, String> KEEP_ALL =
      Map.of(
          TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(Topics.MAX_REQUEST_BYTES),
          TopicConfig.RETENTION_MS_CONFIG, "-1",
          TopicConfig.RETENTION_BYTES_CONFIG, "-1");

  private static final Map<String, String> COMPACT =
      Map.of(
          TopicConfig.MAX_MESSAGE_BYTES_CONFIG,
          Integer.toString(Topics.MAX_REQUEST_BYTES),
          TopicConfig.CLEANUP_POLICY_CONFIG,
          TopicConfig.CLEANUP_POLICY_COMPACT);

  private final Admin admin;
  private final Topics topics;

  /**
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  public RunTopics(Map<String, Object> kafka, Topics topics) {
    this.admin = Admin.create(new HashMap<>(kafka));
    this.topics = topics;
  }

  /**
   * Makes the topics that are missing.
   *
   * @param partitions of the tokens and activations topics
   * @throws BadInputException if the run's topics are there and {@code existing} does not allow
   *     that, or one of them has another number of partitions
   */
  public void create(
      List<HookPoint> hooks, List<SaeManifest> saes, int partitions, ExistingOutput existing) {
    List<NewTopic> wanted = new ArrayList<>();
    wanted.add(topic(topics.tokens(), partitions, KEEP_ALL));
    for (HookPoint hook : hooks) {
      wanted.add(topic(topics.activations(hook), partitions, KEEP_ALL));
    }
    for (SaeManifest sae : saes) {
      wanted.add(topic(topics.latents(sae.getId()), sae.getFeatureRanges(), KEEP_ALL));
      wanted.add(topic(topics.features(sae.getId()), sae.getFeatureRanges(), COMPACT));
    }
    wanted.add(topic(topics.deadLetters(), 1, KEEP_ALL));
    wanted.add(topic(topics.manifest(), 1, COMPACT));

    Set<String> present = present();
    if (!present.isEmpty()) {
      switch (existing) {
        case REFUSE ->
            throw new BadInputException(
                "run-id: '%s' has topics on this cluster already (expected: a new run id, --resume or --overwrite)"
                    .formatted(topics.run()));
        case OVERWRITE -> {
          delete(present);
          present = Set.of();
        }
        case RESUME -> requirePartitions(wanted, present);
      }
    }
    Set<String> there = present;
    await(
        admin
            .createTopics(wanted.stream().filter(topic -> !there.contains(topic.name())).toList())
            .all());
  }

  /** Removes the activations topics: what a finished run needs no more takes the most room. */
  public void deleteActivations(List<HookPoint> hooks) {
    await(admin.deleteTopics(hooks.stream().map(topics::activations).toList()).all());
  }

  @Override
  public void close() {
    admin.close();
  }

  private Set<String> present() {
    return await(admin.listTopics().names()).stream()
        .filter(name -> name.startsWith(topics.run() + "."))
        .collect(Collectors.toSet());
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

  /** Deletes topics, and what the run's consumers had committed on them. */
  private void delete(Set<String> names) {
    await(admin.deleteTopics(names).all());
    for (String stage : List.of("producer", "encode", "aggregate")) {
      try {
        await(admin.deleteConsumerGroups(List.of(topics.run() + "." + stage)).all());
      } catch (KafkaException e) {
        if (!(e.getCause() instanceof GroupIdNotFoundException)) {
          throw e;
        }
      }
    }
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
