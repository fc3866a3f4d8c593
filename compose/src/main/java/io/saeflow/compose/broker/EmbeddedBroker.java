// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.broker;

import io.saeflow.schemas.Topics;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/**
 * One KRaft node, broker and controller in one, inside this JVM and on loopback only.
 *
 * <p>Topics outlive it: a later start on the same folder serves them again. Retention is off, so a
 * topic keeps what it holds until it is deleted or compacted. Several brokers may run in one JVM,
 * each on its own folder.
 */
public final class EmbeddedBroker implements AutoCloseable {
  private static final int NODE_ID = 1;
  private static final String LOOPBACK = "127.0.0.1";
  private static final String CONTROLLER = "CONTROLLER";
  private static final int BIND_ATTEMPTS = 5;

  private final KafkaRaftServer server;
  private final String bootstrapServers;

  private EmbeddedBroker(KafkaRaftServer server, String bootstrapServers) {
    this.server = server;
    this.bootstrapServers = bootstrapServers;
  }

  /**
   * Starts a broker and returns when it serves clients.
   *
   * @param logDirectory where it keeps its data; created if absent, resumed if a broker ran there
   * @throws IOException if the folder cannot be used or no port can be bound
   */
  public static EmbeddedBroker start(Path logDirectory) throws IOException {
    Path directory = Files.createDirectories(logDirectory).toAbsolutePath();
    format(directory);
    for (int attempt = 1; ; attempt++) {
      Ports ports = Ports.free();
      // The ports were free a moment ago; another process may have taken one since.
      KafkaRaftServer server =
          new KafkaRaftServer(new KafkaConfig(properties(directory, ports), false), Time.SYSTEM);
      try {
        server.startup();
        return new EmbeddedBroker(server, LOOPBACK + ":" + ports.broker());
      } catch (RuntimeException e) {
        server.shutdown();
        server.awaitShutdown();
        if (attempt == BIND_ATTEMPTS || !isBindFailure(e)) {
          throw new IOException("embedded broker in " + directory + ": " + e.getMessage(), e);
        }
      }
    }
  }

  /** Where clients connect: {@code 127.0.0.1:port}. */
  public String bootstrapServers() {
    return bootstrapServers;
  }

  /** Stops the broker, after its data is on disk. Closing twice is harmless. */
  @Override
  public void close() {
    server.shutdown();
    server.awaitShutdown();
  }

  private static void format(Path directory) throws IOException {
    Formatter formatter = new Formatter();
    formatter.setPrintStream(
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
    formatter
        .setNodeId(NODE_ID)
        .setClusterId(clusterId(directory))
        .addDirectory(directory.toString())
        .setReleaseVersion(MetadataVersion.latestProduction())
        .setMetadataLogDirectory(directory.toString())
        .setControllerListenerName(CONTROLLER)
        .setIgnoreFormatted(true)
        .setUnstableFeatureVersionsEnabled(false);
    try {
      formatter.run();
    } catch (IOException | RuntimeException e) {
      throw new IOException("embedded broker in " + directory + ": " + e.getMessage(), e);
    } catch (Exception e) {
      throw new IOException("embedded broker in " + directory + ": cannot be formatted", e);
    }
  }

  private static String clusterId(Path directory) throws IOException {
    Path written = directory.resolve("meta.properties");
    if (!Files.exists(written)) {
      return Uuid.randomUuid().toString();
    }
    Properties properties = new Properties();
    try (InputStream in = Files.newInputStream(written)) {
      properties.load(in);
    }
    String id = properties.getProperty("cluster.id");
    if (id == null) {
      throw new IOException(written + ": no cluster.id (expected: a Kafka data folder)");
    }
    return id;
  }

  private static Properties properties(Path directory, Ports ports) {
    Properties p = new Properties();
    p.put("process.roles", "broker,controller");
    p.put("node.id", Integer.toString(NODE_ID));
    p.put(
        "listeners",
        "PLAINTEXT://%s:%d,%s://%s:%d"
            .formatted(LOOPBACK, ports.broker(), CONTROLLER, LOOPBACK, ports.controller()));
    p.put("advertised.listeners", "PLAINTEXT://%s:%d".formatted(LOOPBACK, ports.broker()));
    p.put("controller.listener.names", CONTROLLER);
    p.put("inter.broker.listener.name", "PLAINTEXT");
    p.put("listener.security.protocol.map", CONTROLLER + ":PLAINTEXT,PLAINTEXT:PLAINTEXT");
    p.put("controller.quorum.voters", "%d@%s:%d".formatted(NODE_ID, LOOPBACK, ports.controller()));
    p.put("log.dirs", directory.toString());

    p.put("auto.create.topics.enable", "false");
    p.put("default.replication.factor", "1");
    p.put("min.insync.replicas", "1");
    p.put("offsets.topic.replication.factor", "1");
    p.put("transaction.state.log.replication.factor", "1");
    p.put("transaction.state.log.min.isr", "1");
    p.put("share.coordinator.state.topic.replication.factor", "1");
    p.put("share.coordinator.state.topic.min.isr", "1");
    // Kafka's 50 partitions for each internal topic would cost seconds at every start.
    p.put("offsets.topic.num.partitions", "4");
    p.put("transaction.state.log.num.partitions", "4");
    p.put("share.coordinator.state.topic.num.partitions", "1");
    p.put("group.initial.rebalance.delay.ms", "0");
    // There is no other broker to hand leadership to; asking for it takes seconds.
    p.put("controlled.shutdown.enable", "false");

    p.put("message.max.bytes", Integer.toString(Topics.MAX_REQUEST_BYTES));
    p.put("replica.fetch.max.bytes", Integer.toString(Topics.MAX_REQUEST_BYTES));
    p.put("socket.request.max.bytes", Integer.toString(3 * Topics.MAX_REQUEST_BYTES));
    p.put("socket.send.buffer.bytes", Integer.toString(1 << 20));
    p.put("socket.receive.buffer.bytes", Integer.toString(1 << 20));

    p.put("log.segment.bytes", Integer.toString(256 << 20));
    // A deleted topic's files go at once, not after a minute in which the process may have ended.
    p.put("log.segment.delete.delay.ms", "0");
    // How soon the disk of deleted records is free again.
    p.put("log.retention.check.interval.ms", "5000");
    p.put("log.retention.ms", "-1");
    p.put("log.retention.bytes", "-1");
    // Kafka reserves 128 MiB of heap for compaction by default; our compacted topics are small.
    p.put("log.cleaner.dedupe.buffer.size", Integer.toString(16 << 20));
    return p;
  }

  private static boolean isBindFailure(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof BindException) {
        return true;
      }
    }
    return false;
  }

  private record Ports(int broker, int controller) {
    static Ports free() throws IOException {
      try (ServerSocket broker = bound();
          ServerSocket controller = bound()) {
        return new Ports(broker.getLocalPort(), controller.getLocalPort());
      }
    }

    private static ServerSocket bound() throws IOException {
      ServerSocket socket = new ServerSocket();
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0));
      return socket;
    }
  }
}
