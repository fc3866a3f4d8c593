// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code bin/cluster} around a stand-in for saeflow that notes what it is asked. */
@Timeout(60)
class ClusterScriptTest {
  private static final String STAND_IN =
      """
      #!/bin/sh
      echo "$@" >>'%s'
      case $1 in
        broker) echo "node 1 serves all" ;;
        produce | process | sink | view) ;;
        *) exit 0 ;;
      esac
      trap 'exit 143' TERM
      while :; do sleep 0.1; done
      """;

  private static final String SERVERS = "127.0.0.1:9501,127.0.0.1:9502,127.0.0.1:9503";

  @TempDir private Path folder;
  private Path asked;
  private Path config;

  @BeforeEach
  void putAStandInBesideTheScript() throws IOException {
    asked = folder.resolve("asked");
    config = Files.writeString(folder.resolve("pipeline.yaml"), "top: 3\n");
    Path bin = Files.createDirectory(folder.resolve("bin"));
    Files.copy(Path.of("bin", "cluster"), bin.resolve("cluster"));
    Path standIn = Files.writeString(bin.resolve("saeflow"), STAND_IN.formatted(asked));
    assertThat(standIn.toFile().setExecutable(true)).isTrue();
  }

  @AfterEach
  void stopWhatIsLeft() throws Exception {
    if (Files.exists(folder.resolve("cluster"))) {
      cluster(0, "down");
    }
  }

  @Test
  void everyRoleIsStartedWithALineThatSaeflowKnows() throws Exception {
    cluster(0, "up", "--config", config.toString());

    List<String> lines = Files.readAllLines(asked);
    assertThat(lines).hasSize(1 + 3 + 7).first().isEqualTo("--version");
    for (String line : lines.subList(1, lines.size())) {
      List<String> words = List.of(line.split(" ", -1));
      CommandLines.assertParses(words);
    }
  }

  @Test
  void aKilledRoleIsStartedAgainAsItWas() throws Exception {
    cluster(0, "up", "--config", config.toString());
    assertThat(cluster(0, "status"))
        .contains("broker-1   running", "feed       done", "produce-2  running");

    cluster(0, "kill", "produce-2");
    assertThat(cluster(0, "status")).contains("produce-1  running", "produce-2  killed");
    cluster(0, "start", "produce-2");
    assertThat(cluster(0, "status")).contains("produce-2  running");
    assertThat(Files.readAllLines(asked).stream().filter(line -> line.contains("produce-2")))
        .hasSize(2)
        .containsOnly(
            "produce --config %s --bootstrap-servers %s".formatted(config, SERVERS)
                + " --run-id cluster --metrics-port 9522 --name produce-2");

    cluster(0, "down");
    assertThat(cluster(0, "status"))
        .contains("broker-3   stopped", "feed       done", "view       stopped");
  }

  @Test
  void whatCannotBeDoneIsOneLine() throws Exception {
    assertThat(cluster(2, "kill", "produce-3")).startsWith("cluster: 'produce-3' (expected one of");
    assertThat(cluster(2, "status")).contains("holds no cluster").hasLineCount(1);
    assertThat(cluster(2, "up", "--config", "absent")).contains("absent (expected: a file)");
    cluster(0, "up", "--config", config.toString(), "broker-1");
    assertThat(cluster(1, "kill", "feed")).isEqualTo("cluster: feed is not running\n");
    assertThat(cluster(2, "up", "--port", "1234"))
        .startsWith("cluster: port: 1234 (expected: 9500");
  }

  /** Runs the script, checks its exit code and returns what it said. */
  private String cluster(int exitCode, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(folder.resolve("bin/cluster").toString()));
    Collections.addAll(command, arguments);
    command.addAll(List.of("--dir", folder.resolve("cluster").toString()));
    Path said = Files.createTempFile(folder, "said", ".txt");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(said.toFile()).start();
    int code = process.waitFor();
    String output = Files.readString(said, StandardCharsets.UTF_8);
    assertThat(code).as(output).isEqualTo(exitCode);
    return output;
  }
}
