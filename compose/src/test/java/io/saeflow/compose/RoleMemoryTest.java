// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.ClusterRun.Shape;
import io.saeflow.compose.config.EncodeAt;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** What each role of a run on three brokers takes in memory, and of one ten times as long. */
@EnabledIfSystemProperty(
    named = "saeflow.memory",
    matches = "true",
    disabledReason = "it measures and holds nothing; run with -Dsaeflow.memory=true")
class RoleMemoryTest {
  private static final String CASE = "openai-topk--blocks.1.hook_resid_post";
  private static final int SEQUENCES = 2000;
  private static final Duration PATIENCE = Duration.ofMinutes(20);
  private static final Pattern PEAK = Pattern.compile("VmHWM:\\s+(\\d+) kB");
  private static final Pattern USED = Pattern.compile("used (\\d+)K");

  @TempDir Path folder;

  /** In MiB. */
  private record Memory(long peakResident, long liveHeap) {}

  @Test
  void aRunTenTimesAsLongTakesNoMoreMemory() throws Exception {
    Map<String, Memory> once = measure("once", SEQUENCES, 0.4);
    Map<String, Memory> tenTimes = measure("ten", 10 * SEQUENCES, 0.9);
    System.out.println("| role | peak RSS | ten times | live heap | ten times |");
    once.forEach(
        (role, memory) -> {
          Memory longer = tenTimes.get(role);
          System.out.printf(
              Locale.ROOT,
              "| %s | %d | %d | %d | %d |%n",
              role,
              memory.peakResident,
              longer.peakResident,
              memory.liveHeap,
              longer.liveHeap);
        });
    assertThat(tenTimes).containsOnlyKeys(once.keySet());
  }

  /**
   * @param part of the run that is done when it is measured; a short one is soon over
   */
  private Map<String, Memory> measure(String name, int sequences, double part) throws Exception {
    Path data = Files.createDirectories(folder.resolve(name));
    Path tokens = OracleCases.writeTokens(data.resolve("tokens.npy"), sequences);
    Shape shape = new Shape(sequences, 4, 2, 5, EncodeAt.PROCESS);
    List<String> roles = new ArrayList<>(Cluster.BROKERS);
    roles.addAll(ClusterRun.STAGES);
    roles.add(ClusterRun.SINK);
    Map<String, Memory> memory = new TreeMap<>();
    try (Cluster cluster = Cluster.start("memory-" + name, data);
        ClusterRun run = new ClusterRun(cluster, shape, name, CASE, tokens, data)) {
      run.start();
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (run.progress() < part) {
        assertThat(System.nanoTime() - deadline).as(run.statusText()).isNegative();
        Thread.sleep(100);
      }
      List<CompletableFuture<Memory>> measured =
          roles.stream()
              .map(role -> CompletableFuture.supplyAsync(() -> memory(cluster.pid(role))))
              .toList();
      for (int i = 0; i < roles.size(); i++) {
        memory.put(roles.get(i), measured.get(i).get());
      }
      assertThat(cluster.awaitExit(ClusterRun.SINK, PATIENCE)).isZero();
    }
    return memory;
  }

  private static Memory memory(long pid) {
    String status;
    try {
      status = Files.readString(Path.of("/proc", Long.toString(pid), "status"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    jcmd(pid, "GC.run");
    long used = 0;
    Matcher heap = USED.matcher(jcmd(pid, "GC.heap_info").split("Metaspace", -1)[0]);
    while (heap.find()) {
      used += Long.parseLong(heap.group(1));
    }
    Matcher peak = PEAK.matcher(status);
    assertThat(peak.find()).as(status).isTrue();
    return new Memory(Long.parseLong(peak.group(1)) / 1024, used / 1024);
  }

  private static String jcmd(long pid, String command) {
    try {
      Process jcmd =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                  Long.toString(pid),
                  command)
              .redirectErrorStream(true)
              .start();
      return new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
