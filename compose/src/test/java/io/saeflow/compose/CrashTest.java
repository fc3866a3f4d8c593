// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.cli.Saeflow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kills whole runs, broker and all, and lets them go on: the bytes must be those of a run that was
 * left alone. This is also what holds the feature store's use of Kafka Streams' internals: its
 * state must be in the changelog whenever its input is committed.
 */
class CrashTest {
  private static final String CASE = "openai-topk--blocks.1.hook_resid_post";
  private static final int SEQUENCES = 4000;
  private static final int TOKENS = SEQUENCES * OracleCases.CONTEXT;
  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final Pattern DONE = Pattern.compile("([\\d,]+) of [\\d,]+ tokens");

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"process", "producer"})
  void aRunKilledTwiceEndsWithTheBytesOfOneThatWasNot(String encodeAt) throws Exception {
    String option = "--encode-at=" + encodeAt;
    Path tokens = OracleCases.writeTokens(folder.resolve("tokens.npy"), SEQUENCES);
    Path calm = folder.resolve("calm");
    Path killed = folder.resolve("killed");

    assertThat(run(tokens, calm, Long.MAX_VALUE)).isZero();
    assertThat(run(tokens, killed, TOKENS / 5, option)).isNotZero();
    assertThat(killed.resolve("manifest.json")).doesNotExist();
    assertThat(run(tokens, killed, TOKENS * 3 / 5, option, "--resume")).isNotZero();
    assertThat(killed.resolve("manifest.json")).doesNotExist();
    assertThat(run(tokens, killed, Long.MAX_VALUE, option, "--resume")).isZero();

    SameBytesTest.assertSameFiles(
        calm.resolve("sae-viewer"), killed.resolve("sae-viewer"), OracleCases.LATENTS);
    SameBytesTest.assertSameFiles(
        calm.resolve("neuron-records"), killed.resolve("neuron-records"), OracleCases.LATENTS);
    SameBytesTest.assertSameFiles(calm.resolve("delphi"), killed.resolve("delphi"), 5 + 1);
    assertThat(killed.resolve("manifest.json"))
        .hasSameBinaryContentAs(calm.resolve("manifest.json"));
  }

  /**
   * Runs saeflow in a process of its own and kills it once it says that {@code killAt} tokens are
   * done.
   *
   * @return its exit code
   */
  private int run(Path tokens, Path out, long killAt, String... options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx1g", "-Dsaeflow.terminal=true"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Saeflow.class.getName()));
    command.addAll(
        List.of(
            "run",
            "--run-id=crash",
            "--model=" + OracleCases.FOLDER.resolve("model"),
            "--sae=" + OracleCases.FOLDER.resolve("cases").resolve(CASE).resolve("sae"),
            "--hook=" + OracleCases.hook(CASE),
            "--tokens=" + tokens,
            "--out=" + out,
            "--batch-size=10",
            "--partitions=2",
            // Often enough that state is saved many times before a kill.
            "--kafka=commit.interval.ms=100"));
    command.addAll(List.of(options));
    Path log = Files.createTempFile(folder, "run", ".log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (process.isAlive() && done(log) < killAt) {
        assertThat(System.nanoTime() - deadline).as(Files.readString(log)).isNegative();
        Thread.sleep(50);
      }
      // SIGKILL: no hook runs, nothing is flushed.
      process.destroyForcibly().waitFor();
      if (killAt == Long.MAX_VALUE) {
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
      }
      return process.exitValue();
    } finally {
      process.destroyForcibly();
    }
  }

  /** How many tokens a run last said were done. */
  private static long done(Path log) throws IOException {
    long tokens = 0;
    Matcher done = DONE.matcher(Files.readString(log));
    while (done.find()) {
      tokens = Long.parseLong(done.group(1).replace(",", ""));
    }
    return tokens;
  }
}
