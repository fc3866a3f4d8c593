// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.broker.BrokerConfig;
import io.saeflow.compose.broker.BrokerConfig.Address;
import io.saeflow.compose.broker.BrokerConfig.Listener;
import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.broker.KafkaNode;
import io.saeflow.compose.config.BadInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code saeflow broker}: one node of a Kafka cluster, as a process of its own. */
@Command(
    name = "broker",
    description = {
      "Run one Kafka node, broker and controller in one, until Ctrl-C or SIGTERM.",
      "Alone it is a cluster of its own. With --nodes it is one of several; three hold every"
          + " message three times, and one of them may fail."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class BrokerCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      required = true,
      description = "Where it keeps its data: an empty or new folder, or its own.")
  private Path data;

  @Option(
      names = "--listen",
      paramLabel = "[PROTOCOL://]HOST:PORT",
      defaultValue = "127.0.0.1:9092",
      description =
          "Where clients connect; PROTOCOL is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. Default:"
              + " ${DEFAULT-VALUE}, PLAINTEXT.")
  private String listen;

  @Option(
      names = "--node",
      paramLabel = "N",
      defaultValue = "1",
      description = "This node's number. Default: ${DEFAULT-VALUE}.")
  private int node;

  @Option(
      names = "--nodes",
      paramLabel = "N@HOST:PORT,...",
      description =
          "Every node's number and the port that its controller uses, this one's too; the same on"
              + " all nodes. Default: itself, on any free port of loopback.")
  private @Nullable String nodes;

  @Option(
      names = "--cluster-id",
      paramLabel = "ID",
      description =
          "The same on all nodes; needed with several. Default: made at the first start and kept.")
  private @Nullable String clusterId;

  @Option(
      names = "--broker",
      paramLabel = "KEY=VALUE",
      description = "A property of the broker; may be repeated. Wins over the file.")
  private Map<String, String> properties = Map.of();

  @Option(
      names = "--broker-properties",
      paramLabel = "FILE",
      description = "Properties of the broker, KEY=VALUE a line. Keep secrets here.")
  private @Nullable Path propertiesFile;

  @Override
  public Integer call() throws Exception {
    BrokerConfig config =
        new BrokerConfig(
            data,
            node,
            Listener.parse(listen),
            quorum(),
            Optional.ofNullable(clusterId),
            brokerProperties());
    if (config.quorum().size() > 1) {
      say("node %d of %s waits for a majority".formatted(node, config.quorum().keySet()));
    }
    KafkaNode broker = KafkaNode.start(config);
    AtomicBoolean stopping = new AtomicBoolean();
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  stopping.set(true);
                  broker.close();
                },
                "stop"));
    say(
        "node %d serves %s, cluster %s, data in %s"
            .formatted(node, config.listener(), broker.clusterId(), data));
    broker.awaitStop();
    if (stopping.get()) {
      return 0; // the signal decides the exit code
    }
    throw new IllegalStateException("the broker stopped by itself");
  }

  private void say(String line) {
    spec.commandLine().getOut().println(line);
  }

  private SortedMap<Integer, Address> quorum() throws IOException {
    return nodes == null
        ? new TreeMap<>(Map.of(node, EmbeddedBroker.freeAddress()))
        : BrokerConfig.parseQuorum(nodes);
  }

  private Map<String, String> brokerProperties() {
    Map<String, String> all = new HashMap<>();
    if (propertiesFile != null) {
      Properties read = new Properties();
      try (InputStream in = Files.newInputStream(propertiesFile)) {
        read.load(in);
      } catch (IOException | IllegalArgumentException e) {
        throw new BadInputException(
            "broker-properties: %s (expected: a file of KEY=VALUE lines)".formatted(propertiesFile),
            e);
      }
      read.stringPropertyNames().forEach(key -> all.put(key, read.getProperty(key)));
    }
    all.putAll(properties);
    return all;
  }
}
