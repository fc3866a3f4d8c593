// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.broker.BrokerConfig.Address;
import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.config.SaeEntry;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each role a process of its own, started in the wrong order; then more text, and an autoencoder
 * that comes late. The bytes are those of one process that had everything at once.
 */
class RolesTest {
  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final String RUN = "roles";
  private static final String SAE = "demo-4096";
  private static final int LATENTS = 4096;
  private static final int RANGES = 5;
  private static final String HOOK = "blocks.2.hook_resid_post";
  private static final Path SAE_FILE = Path.of("demo", "sae", "sae.pt").toAbsolutePath();

  @TempDir Path folder;

  @Test
  void rolesInAnyOrderThenMoreTextThenALateAutoencoder() throws Exception {
    Path first = folder.resolve("first.txt");
    Path second = folder.resolve("second.txt");
    String[] licence = Files.readString(Path.of("..", "LICENSE")).split("TERMS AND CONDITIONS", 2);
    Files.writeString(first, licence[1].substring(0, licence[1].length() / 3));
    Files.writeString(second, licence[1].substring(licence[1].length() / 3));
    Path atOnce = folder.resolve("at-once");
    Path out = folder.resolve("out");
    Settings settings = settings(first, second).path(Setting.OUT, atOnce);
    new Pipeline().run(settings.toRunConfig(), settings.toOutputConfig(), RunListener.NONE);

    Address address = EmbeddedBroker.freeAddress();
    try (Cluster cluster = Cluster.around("roles", address.toString())) {
      cluster.start("sink", sink(cluster, out, "sink"));
      cluster.start("process", process(cluster, "process"));
      cluster.start("produce", role(cluster, "produce", "--model=" + model()));
      for (String role : List.of("sink", "process", "produce")) {
        cluster.awaitOutput(role, "waiting for a Kafka cluster at " + address, PATIENCE);
      }
      cluster.start(
          "broker", List.of("broker", "--data=" + folder.resolve("broker"), "--listen=" + address));
      for (String role : List.of("sink", "process", "produce")) {
        cluster.awaitOutput(role, "waiting for run 'roles' at " + address, PATIENCE);
      }

      cluster.start("feed", feed(cluster, "--text", first.toString()));
      assertThat(cluster.awaitExit("feed", PATIENCE)).isZero();
      assertThat(cluster.awaitExit("sink", PATIENCE)).isZero();
      cluster.start("status", role(cluster, "status"));
      assertThat(cluster.awaitExit("status", PATIENCE)).isZero();
      assertThat(cluster.output("status"))
          .contains("complete", "produce  ", "aggregate  ", "dead letters: 0");

      cluster.start(
          "append", feed(cluster, "--append", "--text", first.toString(), second.toString()));
      assertThat(cluster.awaitExit("append", PATIENCE)).isZero();
      cluster.restart("sink");
      assertThat(cluster.awaitExit("sink", PATIENCE)).isZero();
      assertSameRun(atOnce, out);

      cluster.start(
          "join", role(cluster, "join", "--sae=" + SAE_FILE, "--hook=" + HOOK, "--sae-id=late"));
      assertThat(cluster.awaitExit("join", PATIENCE)).as(cluster.output("join")).isZero();
      assertThat(cluster.output("join")).contains("run 'roles' now has [demo-4096, late]");
      assertThat(cluster.stop("process")).isEqualTo(128 + 15);
      cluster.restart("process");
      Path both = folder.resolve("both");
      cluster.start("late-sink", sink(cluster, both, "late"));
      assertThat(cluster.awaitExit("late-sink", PATIENCE)).isZero();

      // The same weights find the same latents, whenever they came.
      Path shards = both.resolve("delphi").resolve("latents");
      for (String id : List.of(SAE, "late")) {
        for (Path shard : shards(atOnce.resolve("delphi").resolve("latents").resolve(HOOK))) {
          assertThat(shards.resolve(HOOK + "." + id).resolve(shard.getFileName()))
              .hasSameBinaryContentAs(shard);
        }
      }
      cluster.start("verify", List.of("verify", "--out=" + both));
      assertThat(cluster.awaitExit("verify", PATIENCE)).as(cluster.output("verify")).isZero();
      assertThat(cluster.stop("produce")).isEqualTo(128 + 15);
    }
  }

  private static void assertSameRun(Path expected, Path actual) throws IOException {
    SameBytesTest.assertSameFiles(
        expected.resolve("sae-viewer"), actual.resolve("sae-viewer"), LATENTS);
    SameBytesTest.assertSameFiles(expected.resolve("delphi"), actual.resolve("delphi"), RANGES + 1);
    assertThat(actual.resolve("manifest.json"))
        .hasSameBinaryContentAs(expected.resolve("manifest.json"));
  }

  private static List<Path> shards(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      List<Path> shards =
          files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
      assertThat(shards).hasSize(RANGES);
      return shards;
    }
  }

  private static Settings settings(Path... text) {
    return new Settings()
        .text(Setting.RUN_ID, RUN)
        .path(Setting.MODEL, model())
        .paths(Setting.TEXT, List.of(text))
        .saes(List.of(new SaeEntry(SAE_FILE, HOOK, SAE, SAE)))
        .text(Setting.SUBJECT, "demo-gpt2")
        .number(Setting.CONTEXT_LENGTH, 64)
        .number(Setting.BATCH_SIZE, 5)
        .number(Setting.WINDOW, 16)
        .sinks(List.of("sae-viewer", "delphi"));
  }

  private static List<String> feed(Cluster cluster, String... corpus) {
    List<String> line =
        new ArrayList<>(
            role(
                cluster,
                "feed",
                "--model=" + model(),
                "--sae=" + SAE_FILE,
                "--hook=" + HOOK,
                "--sae-id=" + SAE,
                "--sae-path=" + SAE,
                "--subject=demo-gpt2",
                "--context-length=64",
                "--batch-size=5",
                "--window=16",
                "--keep=activations,latents"));
    line.addAll(List.of(corpus));
    return line;
  }

  private List<String> process(Cluster cluster, String name) {
    return role(
        cluster,
        "process",
        "--sae=" + SAE_FILE,
        "--state=" + folder.resolve("state"),
        "--name=" + name,
        "--kafka=commit.interval.ms=500");
  }

  private static List<String> sink(Cluster cluster, Path out, String name) {
    return role(
        cluster,
        "sink",
        "--out=" + out,
        "--tokenizer=" + model(),
        "--name=" + name,
        "--sinks=sae-viewer,delphi");
  }

  private static List<String> role(Cluster cluster, String command, String... options) {
    List<String> line = new ArrayList<>();
    line.add(command);
    line.add("--bootstrap-servers=" + cluster.bootstrapServers());
    line.add("--run-id=" + RUN);
    line.addAll(List.of(options));
    return line;
  }

  private static Path model() {
    return Path.of("demo", "model").toAbsolutePath();
  }
}
