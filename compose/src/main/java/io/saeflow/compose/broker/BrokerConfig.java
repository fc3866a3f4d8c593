// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.broker;

import io.saeflow.compose.config.BadInputException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * One Kafka node, broker and controller in one.
 *
 * @param data where it keeps its data
 * @param node its number, one of the quorum's
 * @param listener where clients and other brokers connect
 * @param quorum where each node's controller listens, by the node's number
 * @param clusterId the same on all nodes; if empty, the one that the data folder has, or a new one
 * @param properties further broker properties; they win over the ones that saeflow sets
 */
public record BrokerConfig(
    Path data,
    int node,
    Listener listener,
    SortedMap<Integer, Address> quorum,
    Optional<String> clusterId,
    Map<String, String> properties) {

  /** Properties that the other components decide, and the option to use instead. */
  private static final Map<String, String> DECIDED =
      Map.of(
          "node.id", "--node",
          "broker.id", "--node",
          "process.roles", "none, a node is always broker and controller",
          "log.dirs", "--data",
          "log.dir", "--data",
          "metadata.log.dir", "--data",
          "listeners", "--listen",
          "controller.quorum.voters", "--nodes",
          "controller.quorum.bootstrap.servers", "--nodes");

  public BrokerConfig {
    if (node < 0) {
      throw new BadInputException("node: %d (expected: >= 0)".formatted(node));
    }
    quorum = Collections.unmodifiableSortedMap(new TreeMap<>(quorum));
    if (!quorum.containsKey(node)) {
      throw new BadInputException(
          "node: %d (expected: one of %s)".formatted(node, quorum.keySet()));
    }
    if (clusterId.isEmpty() && quorum.size() > 1) {
      throw new BadInputException(
          "cluster-id: none (expected: the same on all %d nodes)".formatted(quorum.size()));
    }
    if (clusterId.isPresent() && !clusterId.get().matches("[A-Za-z0-9_-]{1,64}")) {
      throw new BadInputException(
          "cluster-id: '%s' (expected: 1 to 64 letters, digits, '-' or '_')"
              .formatted(clusterId.get()));
    }
    properties = Map.copyOf(properties);
    for (String key : properties.keySet()) {
      if (DECIDED.containsKey(key)) {
        throw new BadInputException(
            "broker property %s (expected: %s)".formatted(key, DECIDED.get(key)));
      }
    }
  }

  /** Without the values of {@link #properties}, which may hold passwords. */
  @Override
  public String toString() {
    return "BrokerConfig[data=%s, node=%d, listener=%s, quorum=%s, clusterId=%s, properties=%s]"
        .formatted(data, node, listener, quorum, clusterId, properties.keySet());
  }

  /**
   * A quorum of several nodes.
   *
   * @param text {@code N@HOST:PORT,...}
   */
  public static SortedMap<Integer, Address> parseQuorum(String text) {
    SortedMap<Integer, Address> quorum = new TreeMap<>();
    for (String entry : text.split(",", -1)) {
      int at = entry.indexOf('@');
      if (at < 1 || !entry.substring(0, at).matches("\\d{1,9}")) {
        throw new BadInputException(
            "nodes: '%s' (expected: N@HOST:CONTROLLERPORT,...)".formatted(entry));
      }
      Address address = Address.parse("nodes", entry.substring(at + 1));
      if (quorum.put(Integer.valueOf(entry.substring(0, at)), address) != null) {
        throw new BadInputException(
            "nodes: %s twice (expected: different numbers)".formatted(entry.substring(0, at)));
      }
    }
    return quorum;
  }

  /**
   * A host and a port.
   *
   * @param host a name or an address; IPv6 in brackets
   */
  public record Address(String host, int port) {
    public Address {
      if (host.isBlank() || port < 1 || port > 65535) {
        throw new BadInputException(
            "'%s:%d' (expected: HOST:PORT, the port 1 to 65535)".formatted(host, port));
      }
    }

    /**
     * Reads {@code HOST:PORT}.
     *
     * @param option named in the message if it is not one
     */
    static Address parse(String option, String text) {
      int colon = text.lastIndexOf(':');
      String port = text.substring(colon + 1);
      if (colon < 1 || !port.matches("\\d{1,5}")) {
        throw new BadInputException("%s: '%s' (expected: HOST:PORT)".formatted(option, text));
      }
      return new Address(text.substring(0, colon), Integer.parseInt(port));
    }

    @Override
    public String toString() {
      return host + ":" + port;
    }
  }

  /** Where clients connect, and how they must talk. */
  public record Listener(Protocol protocol, Address address) {
    private static final String SCHEME = "://";

    /** Reads {@code HOST:PORT}, for plain text, or {@code PROTOCOL://HOST:PORT}. */
    public static Listener parse(String text) {
      int scheme = text.indexOf(SCHEME);
      if (scheme < 0) {
        return new Listener(Protocol.PLAINTEXT, Address.parse("listen", text));
      }
      return new Listener(
          Protocol.parse(text.substring(0, scheme)),
          Address.parse("listen", text.substring(scheme + SCHEME.length())));
    }

    @Override
    public String toString() {
      return protocol + SCHEME + address;
    }
  }

  /** How clients talk to a broker, by Kafka's names. */
  public enum Protocol {
    PLAINTEXT,
    SSL,
    SASL_PLAINTEXT,
    SASL_SSL;

    private static Protocol parse(String name) {
      return Arrays.stream(values())
          .filter(protocol -> protocol.name().equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new BadInputException(
                      "listen: '%s' (expected one of: %s)"
                          .formatted(name, Arrays.toString(values()))));
    }
  }

  /** How many brokers hold each partition: a third one lets one fail while two still agree. */
  int replicationFactor() {
    return Math.min(3, quorum.size());
  }

  /** How many must have a message before its sender is told so. */
  int minInSyncReplicas() {
    return Math.max(1, replicationFactor() - 1);
  }
}
