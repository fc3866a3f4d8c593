// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.broker;

import io.saeflow.schemas.Topics;
import java.util.Properties;
import java.util.stream.Collectors;

/** The properties of a node, and why. What is not here is as Kafka has it. */
final class BrokerProperties {
  /** The listener of the controllers. */
  static final String CONTROLLER = "CONTROLLER";

  private BrokerProperties() {}

  static Properties of(BrokerConfig config) {
    Properties p = new Properties();
    putAddresses(p, config);
    putReplication(p, config);
    putRecovery(p, config);
    putSizes(p);
    p.putAll(config.properties());
    return p;
  }

  private static void putAddresses(Properties p, BrokerConfig config) {
    String protocol = config.listener().protocol().name();
    p.put("process.roles", "broker,controller");
    p.put("node.id", Integer.toString(config.node()));
    p.put("log.dirs", config.data().toAbsolutePath().toString());
    p.put(
        "listeners",
        "%s,%s://%s".formatted(config.listener(), CONTROLLER, config.quorum().get(config.node())));
    p.put("advertised.listeners", config.listener().toString());
    p.put("inter.broker.listener.name", protocol);
    p.put("controller.listener.names", CONTROLLER);
    p.put(
        "listener.security.protocol.map",
        "%s:PLAINTEXT,%s:%s".formatted(CONTROLLER, protocol, protocol));
    p.put(
        "controller.quorum.voters",
        config.quorum().entrySet().stream()
            .map(node -> "%d@%s".formatted(node.getKey(), node.getValue()))
            .collect(Collectors.joining(",")));
  }

  private static void putReplication(Properties p, BrokerConfig config) {
    String replicas = Integer.toString(config.replicationFactor());
    String inSync = Integer.toString(config.minInSyncReplicas());
    p.put("default.replication.factor", replicas);
    p.put("min.insync.replicas", inSync);
    p.put("offsets.topic.replication.factor", replicas);
    p.put("transaction.state.log.replication.factor", replicas);
    p.put("transaction.state.log.min.isr", inSync);
    p.put("share.coordinator.state.topic.replication.factor", replicas);
    p.put("share.coordinator.state.topic.min.isr", inSync);
    // A broker that missed messages must not lead, whatever that costs: it would lose them.
    p.put("unclean.leader.election.enable", "false");
    // A misspelt topic must fail.
    p.put("auto.create.topics.enable", "false");
    // Kafka's 50 partitions for each internal topic would cost seconds at every start.
    p.put("offsets.topic.num.partitions", "4");
    p.put("transaction.state.log.num.partitions", "4");
    p.put("share.coordinator.state.topic.num.partitions", "1");
  }

  private static void putRecovery(Properties p, BrokerConfig config) {
    // A dead broker leads until its session has run out, and cannot come back before. Kafka's 9 s
    // are for networks; a false alarm costs a change of leaders, and no message.
    p.put("broker.session.timeout.ms", "6000");
    p.put("broker.heartbeat.interval.ms", "1000");
    // A node waits for the others however long they take, rather than ending after a minute.
    p.put("initial.broker.registration.timeout.ms", Integer.toString(Integer.MAX_VALUE));
    // Without others, there is nobody to hand leadership to; asking for it takes seconds.
    p.put("controlled.shutdown.enable", Boolean.toString(config.quorum().size() > 1));
    // A transaction of a process that died holds up all readers until it is timed out; Kafka looks
    // every 10 s.
    p.put("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000");
    // Groups are a few processes that start once: waiting 3 s for more saves nothing.
    p.put("group.initial.rebalance.delay.ms", "0");
    // Topics never expire, so neither may what has been read of them: after Kafka's 7 days, a run
    // that goes on would begin anew.
    p.put("offsets.retention.minutes", Integer.toString(Integer.MAX_VALUE));
  }

  private static void putSizes(Properties p) {
    p.put("message.max.bytes", Integer.toString(Topics.MAX_REQUEST_BYTES));
    p.put("replica.fetch.max.bytes", Integer.toString(Topics.MAX_REQUEST_BYTES));
    p.put("socket.request.max.bytes", Integer.toString(3 * Topics.MAX_REQUEST_BYTES));
    p.put("socket.send.buffer.bytes", Integer.toString(1 << 20));
    p.put("socket.receive.buffer.bytes", Integer.toString(1 << 20));

    p.put("log.retention.ms", "-1");
    p.put("log.retention.bytes", "-1");
    // Messages that every reader is past are deleted by whole segments, soon after they are told
    // to be: disk is bounded by about two segments a partition. A segment must hold the largest
    // message.
    p.put("log.segment.bytes", Integer.toString(128 << 20));
    p.put("log.retention.check.interval.ms", "5000");
    p.put("log.initial.task.delay.ms", "5000");
    // Long enough for who is reading a deleted segment to end.
    p.put("log.segment.delete.delay.ms", "10000");
    // Kafka reserves 128 MiB of heap for compaction by default; our compacted topics are small.
    p.put("log.cleaner.dedupe.buffer.size", Integer.toString(16 << 20));
  }
}
