// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.status;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;

/** Reads how far a run is. */
public final class StatusReader implements AutoCloseable {
  private final Admin admin;
  private final Topics topics;

  /**
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  public StatusReader(Map<String, Object> kafka, Topics topics) {
    this.admin = Admin.create(new HashMap<>(kafka));
    this.topics = topics;
  }

  /**
   * How far the run is now.
   *
   * @param manifest its latest
   * @throws KafkaException if the cluster does not answer
   */
  public RunStatus read(RunManifest manifest) {
    Map<TopicPartition, Long> ends = ends();
    List<StageStatus> stages = new ArrayList<>();
    stages.add(stage("produce", topics.producerGroup(), Set.of(topics.tokens()), ends));
    Set<Integer> generations = new TreeSet<>();
    manifest.getSaes().forEach(sae -> generations.add(sae.getGeneration()));
    for (int generation : generations) {
      List<SaeManifest> saes =
          manifest.getSaes().stream().filter(sae -> sae.getGeneration() == generation).toList();
      String suffix = generation == 0 ? "" : " " + generation;
      if (EncodeAt.of(manifest.getEncodeAt()) == EncodeAt.PROCESS) {
        stages.add(
            stage(
                "encode" + suffix,
                topics.encodeGroup(generation),
                saes.stream()
                    .map(sae -> topics.activations(HookPoint.parse(sae.getHook())))
                    .toList(),
                ends));
      }
      stages.add(
          stage(
              "aggregate" + suffix,
              topics.aggregateGroup(generation),
              saes.stream().map(sae -> topics.latents(sae.getId())).toList(),
              ends));
    }
    String sinks = topics.sinkGroup("");
    for (String group : groups(sinks)) {
      Map<TopicPartition, Long> committed = committed(group);
      Set<String> read = new HashSet<>();
      committed.keySet().forEach(partition -> read.add(partition.topic()));
      stages.add(stage("sink " + group.substring(sinks.length()), group, read, ends));
    }
    return new RunStatus(
        manifest,
        fedTokens(manifest, ends),
        stages,
        ends.getOrDefault(new TopicPartition(topics.deadLetters(), 0), 0L));
  }

  @Override
  public void close() {
    admin.close();
  }

  private long fedTokens(RunManifest manifest, Map<TopicPartition, Long> ends) {
    if (manifest.getTotals() != null) {
      return manifest.getTotals().getTokens();
    }
    long messages = 0;
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      if (end.getKey().topic().equals(topics.tokens())) {
        messages += end.getValue();
      }
    }
    return messages * manifest.getBatchSize() * manifest.getContextLength();
  }

  private StageStatus stage(
      String name, String group, Collection<String> read, Map<TopicPartition, Long> ends) {
    Map<TopicPartition, Long> committed = committed(group);
    long done = 0;
    long end = 0;
    for (Map.Entry<TopicPartition, Long> partition : ends.entrySet()) {
      if (read.contains(partition.getKey().topic())) {
        end += partition.getValue();
        done += committed.getOrDefault(partition.getKey(), 0L);
      }
    }
    return new StageStatus(name, members(group), done, end);
  }

  private Map<TopicPartition, Long> ends() {
    Set<String> names = new HashSet<>(await(admin.listTopics().names()));
    names.removeIf(name -> !topics.contains(name));
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    for (TopicDescription topic : await(admin.describeTopics(names).allTopicNames()).values()) {
      topic
          .partitions()
          .forEach(
              partition ->
                  latest.put(
                      new TopicPartition(topic.name(), partition.partition()),
                      OffsetSpec.latest()));
    }
    Map<TopicPartition, Long> ends = new HashMap<>();
    await(admin.listOffsets(latest).all())
        .forEach((partition, end) -> ends.put(partition, end.offset()));
    return ends;
  }

  private List<String> groups(String prefix) {
    return await(admin.listGroups().all()).stream()
        .map(GroupListing::groupId)
        .filter(group -> group.startsWith(prefix))
        .sorted()
        .toList();
  }

  private Map<TopicPartition, Long> committed(String group) {
    Map<TopicPartition, Long> offsets = new HashMap<>();
    try {
      for (Map.Entry<TopicPartition, OffsetAndMetadata> entry :
          await(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).entrySet()) {
        if (entry.getValue() != null) {
          offsets.put(entry.getKey(), entry.getValue().offset());
        }
      }
    } catch (KafkaException e) {
      if (!(e.getCause() instanceof GroupIdNotFoundException)) {
        throw e;
      }
    }
    return offsets;
  }

  private List<String> members(String group) {
    try {
      ConsumerGroupDescription description =
          await(admin.describeConsumerGroups(List.of(group)).describedGroups().get(group));
      Set<String> names = new TreeSet<>();
      for (MemberDescription member : description.members()) {
        names.add(member.groupInstanceId().orElse(member.clientId()) + "@" + host(member));
      }
      return List.copyOf(names);
    } catch (KafkaException e) {
      if (e.getCause() instanceof GroupIdNotFoundException) {
        return List.of();
      }
      throw e;
    }
  }

  private static String host(MemberDescription member) {
    return member.host().startsWith("/") ? member.host().substring(1) : member.host();
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
