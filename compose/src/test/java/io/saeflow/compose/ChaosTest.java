// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.ClusterRun.Shape;
import io.saeflow.compose.config.EncodeAt;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills processes of a run on three brokers at random moments, brokers included, and lets each go
 * on: the files must be those of a run in one process that was left alone.
 *
 * <p>{@code -Dsaeflow.chaos.kills=30 -Dsaeflow.chaos.seed=7} for more, and others; the corpus grows
 * with the kills.
 */
class ChaosTest {
  private static final int KILLS = Integer.getInteger("saeflow.chaos.kills", 5);
  private static final long SEED = Long.getLong("saeflow.chaos.seed", 1);

  private static final String CASE = "openai-topk--blocks.1.hook_resid_post";

  private static final EncodeAt ENCODE_AT =
      EncodeAt.of(System.getProperty("saeflow.chaos.encode-at", "process"));

  /**
   * Between two kills there must be enough to do for who was killed to take part again. Three and
   * five feature ranges take turns.
   */
  private static final Shape SHAPE =
      new Shape(400 * (KILLS + 1), 4, 4, SEED % 2 == 0 ? 3 : 5, ENCODE_AT);

  private static final Duration PATIENCE = Duration.ofSeconds(120 + 36L * KILLS);
  private static final int LONGEST_PAUSE_MS = 3000;

  /** The corpus takes longer. */
  private static final int LONGEST_FEEDING_MS = 300;

  @TempDir Path folder;

  private final Random random = new Random(SEED);
  private final Map<String, Integer> kills = new TreeMap<>();

  /** Those that do not end before the run is complete. */
  private final List<String> roles = new ArrayList<>();

  private long begin;

  ChaosTest() {
    roles.addAll(Cluster.BROKERS);
    roles.addAll(ClusterRun.STAGES);
    roles.add(ClusterRun.SINK);
  }

  @Test
  void theFilesOfARunWhoseProcessesAreKilledAreThoseOfOneLeftAlone() throws Exception {
    Path tokens = OracleCases.writeTokens(folder.resolve("tokens.npy"), SHAPE.sequences());
    try (Cluster cluster = Cluster.start("chaos", folder);
        ClusterRun run = new ClusterRun(cluster, SHAPE, "chaos", CASE, tokens, folder)) {
      Path alone = run.alone(PATIENCE);
      begin = System.nanoTime();
      try {
        killAndRestart(cluster, run);
        assertThat(cluster.awaitExit(ClusterRun.SINK, PATIENCE.minus(elapsed()))).isZero();
      } catch (Throwable e) {
        e.addSuppressed(new AssertionError(run.statusText() + cluster.tails(60)));
        throw e;
      }
      say("all files written; killed %s".formatted(kills));
      assertSame(alone, run.out());
      cluster.start("verify", List.of("verify", "--out=" + run.out()));
      assertThat(cluster.awaitExit("verify", PATIENCE)).as(cluster.output("verify")).isZero();
    }
  }

  private void killAndRestart(Cluster cluster, ClusterRun run)
      throws IOException, InterruptedException {
    run.start();
    for (int kill = 0; kill < KILLS; kill++) {
      String victim = kill == 0 ? ClusterRun.FEED : roles.get(random.nextInt(roles.size()));
      double progress;
      if (victim.equals(ClusterRun.FEED)) {
        // It ends first.
        while (!run.begun()) {
          Thread.sleep(20);
          requireGoingOn(cluster);
        }
        Thread.sleep(random.nextInt(LONGEST_FEEDING_MS));
        progress = 0;
      } else {
        progress = awaitProgress(cluster, run, (kill + random.nextDouble() / 2) / (KILLS + 1));
      }
      while (Cluster.BROKERS.contains(victim) && !run.wholeCluster()) {
        Thread.sleep(100);
        requireGoingOn(cluster);
      }
      cluster.kill(victim);
      kills.merge(victim.split("-", -1)[0], 1, Integer::sum);
      int pause = random.nextInt(LONGEST_PAUSE_MS);
      say(
          String.format(
              Locale.ROOT, "%3.0f %% done, killed %s for %d ms", 100 * progress, victim, pause));
      Thread.sleep(pause);
      cluster.restart(victim);
    }
  }

  private double awaitProgress(Cluster cluster, ClusterRun run, double share)
      throws InterruptedException {
    double progress = run.progress();
    while (progress < share) {
      Thread.sleep(100);
      requireGoingOn(cluster);
      progress = run.progress();
    }
    return progress;
  }

  /** Fails if a process has ended that was not killed, or nothing comes of the run. */
  private void requireGoingOn(Cluster cluster) {
    for (String role : roles) {
      assertThat(cluster.isAlive(role)).as("%s is alive, with kills to come", role).isTrue();
    }
    assertThat(elapsed()).as("time of the run").isLessThan(PATIENCE);
  }

  private static void assertSame(Path alone, Path killed) throws IOException {
    for (String tree : List.of("sae-viewer", "neuron-records")) {
      SameBytesTest.assertSameFiles(alone.resolve(tree), killed.resolve(tree), OracleCases.LATENTS);
    }
    SameBytesTest.assertSameFiles(
        alone.resolve("delphi"), killed.resolve("delphi"), SHAPE.ranges() + 1);
    SameBytesTest.assertSameFiles(alone.resolve("checksums"), killed.resolve("checksums"), 3);
    assertThat(killed.resolve("manifest.json"))
        .hasSameBinaryContentAs(alone.resolve("manifest.json"));
  }

  private Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  private void say(String what) {
    System.out.printf(
        Locale.ROOT, "chaos %d: %5.1f s  %s%n", SEED, elapsed().toMillis() / 1000.0, what);
  }
}
