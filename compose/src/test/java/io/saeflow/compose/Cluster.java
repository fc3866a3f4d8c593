// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.broker.BrokerConfig.Address;
import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.cli.Saeflow;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of real processes on loopback: three brokers, and the roles that a test adds. A role
 * can be killed and started again as it was. Logs are kept in {@code target/cluster}.
 */
final class Cluster implements AutoCloseable {
  static final List<String> BROKERS = List.of("broker-1", "broker-2", "broker-3");

  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final Duration STOP_PATIENCE = Duration.ofSeconds(30);

  private final Path logs;
  private final String bootstrapServers;
  private final Map<String, Role> roles = new LinkedHashMap<>();

  private Cluster(Path logs, String bootstrapServers) {
    this.logs = logs;
    this.bootstrapServers = bootstrapServers;
  }

  /**
   * Starts three brokers and returns when they serve.
   *
   * @param name of the folder of logs
   * @param data where the brokers keep theirs
   */
  static Cluster start(String name, Path data) throws IOException, InterruptedException {
    Path logs = Files.createDirectories(Path.of("target", "cluster", name));
    List<Address> listeners = new ArrayList<>();
    List<Address> controllers = new ArrayList<>();
    for (int i = 0; i < BROKERS.size(); i++) {
      listeners.add(EmbeddedBroker.freeAddress());
      controllers.add(EmbeddedBroker.freeAddress());
    }
    Cluster cluster =
        new Cluster(
            logs, listeners.stream().map(Address::toString).collect(Collectors.joining(",")));
    List<String> nodes = new ArrayList<>();
    for (int i = 0; i < BROKERS.size(); i++) {
      nodes.add("%d@%s".formatted(i + 1, controllers.get(i)));
    }
    boolean started = false;
    try {
      for (int i = 0; i < BROKERS.size(); i++) {
        cluster.start(
            BROKERS.get(i),
            "-Xmx512m",
            List.of(
                "broker",
                "--data=" + data.resolve(BROKERS.get(i)),
                "--listen=" + listeners.get(i),
                "--node=" + (i + 1),
                "--nodes=" + String.join(",", nodes),
                "--cluster-id=test"));
      }
      for (String broker : BROKERS) {
        cluster.awaitBroker(broker);
      }
      started = true;
      return cluster;
    } finally {
      if (!started) {
        cluster.close();
      }
    }
  }

  /**
   * Roles around brokers that the test starts itself.
   *
   * @param name of the folder of logs
   */
  static Cluster around(String name, String bootstrapServers) throws IOException {
    return new Cluster(
        Files.createDirectories(Path.of("target", "cluster", name)), bootstrapServers);
  }

  String bootstrapServers() {
    return bootstrapServers;
  }

  /** Starts {@code saeflow} with these arguments as the process called {@code role}. */
  void start(String role, List<String> arguments) throws IOException {
    start(role, "-Xmx1g", arguments);
  }

  /** SIGKILL: nothing is flushed, nobody is told. */
  void kill(String role) throws InterruptedException {
    Process process = running(role);
    process.destroyForcibly();
    process.waitFor();
  }

  /**
   * SIGTERM, and waits for the end.
   *
   * @return the exit code
   */
  int stop(String role) throws InterruptedException, IOException {
    running(role).destroy();
    return awaitExit(role, STOP_PATIENCE);
  }

  /** Starts a role that has ended as it was started before. */
  void restart(String role) throws IOException {
    Role known = role(role);
    assertThat(known.process.isAlive()).as("%s is alive", role).isFalse();
    launch(role, known.command);
  }

  boolean isAlive(String role) {
    return role(role).process.isAlive();
  }

  /** Waits until a started broker says that it serves. */
  void awaitBroker(String role) throws IOException, InterruptedException {
    awaitOutput(role, " serves ", PATIENCE);
  }

  /** Waits until {@code role} has said {@code text} since it was last started. */
  void awaitOutput(String role, String text, Duration patience)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + patience.toNanos();
    while (!output(role).contains(text)) {
      assertThat(isAlive(role)).as("%s is alive; it said: %s", role, output(role)).isTrue();
      assertThat(System.nanoTime() - deadline)
          .as("%s to say '%s' in %s; it said: %s", role, text, patience, output(role))
          .isNegative();
      Thread.sleep(50);
    }
  }

  /**
   * Waits until {@code role} ends by itself.
   *
   * @return its exit code
   */
  int awaitExit(String role, Duration patience) throws InterruptedException, IOException {
    Process process = role(role).process;
    assertThat(process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS))
        .as("%s to end within %s; it said: %s", role, patience, output(role))
        .isTrue();
    return process.exitValue();
  }

  /** What {@code role} has said since it was last started. */
  String output(String role) throws IOException {
    return Files.readString(log(role)).substring(role(role).logStart);
  }

  /** The last lines of each role's log, for a test that fails. */
  String tails(int lines) throws IOException {
    StringBuilder tails = new StringBuilder();
    for (Map.Entry<String, Role> role : roles.entrySet()) {
      Process process = role.getValue().process;
      tails.append(
          "%n%s (%s):%n"
              .formatted(
                  role.getKey(), process.isAlive() ? "alive" : "ended: " + process.exitValue()));
      List<String> all = Files.readAllLines(log(role.getKey()));
      all.subList(Math.max(0, all.size() - lines), all.size())
          .forEach(line -> tails.append("  ").append(line).append(System.lineSeparator()));
    }
    return tails.toString();
  }

  /** The process id of a role that is alive. */
  long pid(String role) {
    return running(role).pid();
  }

  /** Kills what is left. */
  @Override
  public void close() {
    for (Role role : roles.values()) {
      role.process.destroyForcibly();
    }
    for (Role role : roles.values()) {
      try {
        role.process.waitFor();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void start(String role, String heap, List<String> arguments) throws IOException {
    assertThat(roles).doesNotContainKey(role);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add(heap);
    // Many short lives on few cores.
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(flags());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Saeflow.class.getName()));
    command.addAll(arguments);
    Files.deleteIfExists(log(role));
    launch(role, List.copyOf(command));
  }

  private void launch(String name, List<String> command) throws IOException {
    Path log = log(name);
    int logStart = Files.exists(log) ? Files.readString(log).length() : 0;
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start();
    roles.put(name, new Role(command, process, logStart));
  }

  private Path log(String role) {
    return logs.resolve(role + ".log");
  }

  private Process running(String role) {
    Process process = role(role).process;
    assertThat(process.isAlive()).as("%s is alive", role).isTrue();
    return process;
  }

  private Role role(String name) {
    @Nullable Role role = roles.get(name);
    assertThat(role).as(name).isNotNull();
    return role;
  }

  /** What this JVM was given to run Arrow and the native libraries. */
  private static List<String> flags() {
    return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> flag.startsWith("--") || flag.startsWith("-Dai.djl."))
        .toList();
  }

  /**
   * @param logStart characters that the log had before the process started
   */
  private record Role(List<String> command, Process process, int logStart) {}
}
