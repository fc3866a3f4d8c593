// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.broker;

import io.saeflow.compose.broker.BrokerConfig.Address;
import io.saeflow.compose.broker.BrokerConfig.Listener;
import io.saeflow.compose.broker.BrokerConfig.Protocol;
import io.saeflow.compose.config.BadInputException;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A {@link KafkaNode} by itself, inside the process that uses it and on loopback only.
 *
 * <p>Several may run in one JVM, each on its own folder. Each start chooses its ports anew.
 */
public final class EmbeddedBroker implements AutoCloseable {
  private static final int NODE = 1;
  private static final String LOOPBACK = "127.0.0.1";
  private static final int BIND_ATTEMPTS = 5;

  /**
   * Deleted files go almost at once: the process may end before a longer delay has passed. With
   * none at all Kafka looks for some every millisecond.
   */
  private static final Map<String, String> PROPERTIES = Map.of("log.segment.delete.delay.ms", "50");

  private final KafkaNode node;
  private final Address address;

  private EmbeddedBroker(KafkaNode node, Address address) {
    this.node = node;
    this.address = address;
  }

  /**
   * Starts a broker and returns when it serves clients.
   *
   * @param data where it keeps its data; created if absent, resumed if a broker ran there
   * @throws BadInputException if the folder holds something else
   * @throws IOException if the folder cannot be used or no port can be bound
   */
  public static EmbeddedBroker start(Path data) throws IOException {
    for (int attempt = 1; ; attempt++) {
      BrokerConfig config = config(data);
      try {
        return new EmbeddedBroker(KafkaNode.start(config), config.listener().address());
      } catch (BadInputException e) {
        // The ports were free a moment ago; another process may have taken one since.
        if (!(e.getCause() instanceof BindException)) {
          throw e;
        }
        if (attempt == BIND_ATTEMPTS) {
          throw new IOException("embedded broker in %s: no port".formatted(data), e);
        }
      }
    }
  }

  /** Where clients connect: {@code 127.0.0.1:port}. */
  public String bootstrapServers() {
    return address.toString();
  }

  /** Stops the broker, after its data is on disk. Closing twice is harmless. */
  @Override
  public void close() {
    node.close();
  }

  /** The address of a port of loopback that no process listens on now. */
  public static Address freeAddress() throws IOException {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getByName(LOOPBACK), 0));
      return new Address(LOOPBACK, socket.getLocalPort());
    }
  }

  private static BrokerConfig config(Path data) throws IOException {
    Address broker = freeAddress();
    Address controller = freeAddress();
    return new BrokerConfig(
        data,
        NODE,
        new Listener(Protocol.PLAINTEXT, broker),
        new TreeMap<>(Map.of(NODE, controller)),
        Optional.empty(),
        PROPERTIES);
  }
}
