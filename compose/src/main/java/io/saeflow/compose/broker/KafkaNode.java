// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.broker;

import io.saeflow.compose.broker.BrokerConfig.Address;
import io.saeflow.compose.config.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import kafka.server.BrokerServer;
import kafka.server.ControllerServer;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import kafka.server.Server;
import kafka.server.SharedServer;
import kafka.server.StandardFaultHandlerFactory;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.bootstrap.BootstrapMetadata;
import org.apache.kafka.metadata.properties.MetaPropertiesEnsemble;
import org.apache.kafka.server.ServerSocketFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One KRaft node, broker and controller in one, in this JVM.
 *
 * <p>Topics outlive it: a later start on the same folder serves them again, also after the process
 * was killed.
 */
public final class KafkaNode implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(KafkaNode.class);

  /**
   * How long the other nodes may take to take over. When all are stopped at once, the last ones
   * find no quorum that could answer.
   */
  private static final Duration HANDOVER = Duration.ofSeconds(3);

  private final DataFolder data;
  private final ControllerServer controller;
  private final BrokerServer broker;

  private KafkaNode(DataFolder data, ControllerServer controller, BrokerServer broker) {
    this.data = data;
    this.controller = controller;
    this.broker = broker;
  }

  /**
   * Starts a node and returns when it serves clients, which needs a majority of the quorum.
   *
   * @throws BadInputException if another process uses the folder or a port, the folder holds
   *     something else, or Kafka refuses a property; the cause is a {@link BindException} if it is
   *     a port
   * @throws IOException if the folder cannot be used
   */
  public static KafkaNode start(BrokerConfig config) throws IOException {
    requireFree("listen", config.listener().address());
    requireFree("nodes", config.quorum().get(config.node()));
    KafkaConfig kafka = kafkaConfig(config);
    DataFolder data = DataFolder.open(config);
    boolean started = false;
    try {
      KafkaNode node = of(config, kafka, data);
      node.start(config.node());
      started = true;
      return node;
    } catch (RuntimeException e) {
      throw explained(config, e);
    } finally {
      if (!started) {
        data.close();
      }
    }
  }

  /** The cluster's id. */
  public String clusterId() {
    return broker.clusterId();
  }

  /** Returns when the node has stopped, for whatever reason. */
  public void awaitStop() {
    broker.awaitShutdown();
  }

  /** Hands over to the other nodes and stops, after its data is on disk. Closing twice is fine. */
  @Override
  public void close() {
    broker.shutdown(HANDOVER);
    controller.shutdown();
    broker.awaitShutdown();
    controller.awaitShutdown();
    data.close();
  }

  private void start(int node) {
    try {
      controller.startup();
      FormerRegistration.awaitEnd(node, controller);
      broker.startup();
    } catch (RuntimeException e) {
      controller.shutdown();
      throw e;
    }
  }

  /**
   * What Kafka's own {@link KafkaRaftServer} does, which would wait five minutes for a quorum that
   * is gone when it is stopped.
   */
  private static KafkaNode of(BrokerConfig config, KafkaConfig kafka, DataFolder data) {
    var folders = KafkaRaftServer.initializeLogDirs(kafka, LOG, "");
    MetaPropertiesEnsemble ensemble = folders._1();
    BootstrapMetadata bootstrap = folders._2();
    SharedServer shared =
        new SharedServer(
            kafka,
            ensemble,
            Time.SYSTEM,
            Server.initializeMetrics(kafka, Time.SYSTEM, ensemble.clusterId().orElseThrow()),
            CompletableFuture.completedFuture(voters(config)),
            List.of(),
            new StandardFaultHandlerFactory(),
            ServerSocketFactory.INSTANCE);
    return new KafkaNode(
        data,
        new ControllerServer(shared, KafkaRaftServer.configSchema(), bootstrap),
        new BrokerServer(shared));
  }

  private static Map<Integer, InetSocketAddress> voters(BrokerConfig config) {
    Map<Integer, InetSocketAddress> voters = new HashMap<>();
    config
        .quorum()
        .forEach(
            (node, address) ->
                voters.put(node, new InetSocketAddress(address.host(), address.port())));
    return voters;
  }

  private static KafkaConfig kafkaConfig(BrokerConfig config) {
    try {
      return new KafkaConfig(BrokerProperties.of(config), false);
    } catch (ConfigException | IllegalArgumentException e) {
      throw refused(e);
    }
  }

  /** Kafka would end the process if its controller cannot listen. */
  private static void requireFree(String option, Address address) throws IOException {
    InetSocketAddress resolved = new InetSocketAddress(address.host(), address.port());
    if (resolved.isUnresolved()) {
      throw new BadInputException(
          "%s: %s (expected: a host that is known)".formatted(option, address));
    }
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(resolved);
    } catch (BindException e) {
      throw new BadInputException(
          "%s: %s: %s (expected: a free port of this machine)"
              .formatted(option, address, e.getMessage()),
          e);
    }
  }

  /** A failed start is bad input if a property or a file that one names is to blame. */
  private static RuntimeException explained(BrokerConfig config, RuntimeException failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof BindException) {
        return new BadInputException(
            "listen: %s: %s (expected: a free port of this machine)"
                .formatted(config.listener().address(), cause.getMessage()),
            cause);
      }
      if (cause instanceof ConfigException
          || cause instanceof InvalidConfigurationException
          || cause instanceof GeneralSecurityException) {
        return refused(cause);
      }
      if (cause instanceof UncheckedIOException) {
        return failure;
      }
    }
    return failure;
  }

  private static BadInputException refused(Throwable cause) {
    return new BadInputException(
        "broker property: %s (expected: what Kafka accepts)".formatted(cause.getMessage()), cause);
  }
}
