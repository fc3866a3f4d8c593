// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.code_intelligence.jazzer.Jazzer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Jazzer, looking for inputs that reach new code, in a process of its own for each target. Runs
 * with {@code -Dfuzz.seconds=60} for each, {@code -Dfuzz.target=npy} for one only. What Jazzer
 * says, and an input that breaks a law, are left in {@code target/fuzz}.
 */
class CoverageGuidedTest {
  private static final int SECONDS = Integer.getInteger("fuzz.seconds", 0);
  private static final Path REPORTS = Path.of("target", "fuzz").toAbsolutePath();

  static Stream<String> targets() {
    String one = System.getProperty("fuzz.target");
    return Targets.all().map(Target::name).filter(name -> one == null || name.equals(one));
  }

  @ParameterizedTest
  @MethodSource("targets")
  void findsNoInputThatBreaksALaw(String target) throws Exception {
    assumeTrue(SECONDS > 0, "takes a while: runs with -Dfuzz.seconds=60");
    Path corpus = corpus(Targets.named(target));
    Path log = REPORTS.resolve(target + ".log");

    Process fuzzer =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx2g",
                "-XX:+EnableDynamicAgentLoading",
                "-Dai.djl.offline=true",
                "-DOPT_OUT_TRACKING=true",
                "-cp",
                System.getProperty("java.class.path"),
                Jazzer.class.getName(),
                "--target_class=" + JazzerTarget.class.getName(),
                "--target_args=" + target,
                "--reproducer_path=" + REPORTS,
                "-artifact_prefix=" + REPORTS + "/" + target + "-",
                "-max_total_time=" + SECONDS,
                "-timeout=" + 2 * Laws.LIMIT_SECONDS,
                "-rss_limit_mb=0", // the heap has a limit of its own
                "-max_len=20000",
                "-seed=1",
                "-print_final_stats=1",
                corpus.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();

    assertThat(fuzzer.waitFor()).as("exit code, see %s", log).isZero();
  }

  /** The folder of what reached new code, in this run and earlier ones, with the seeds. */
  private static Path corpus(Target target) throws IOException {
    Path corpus = Files.createDirectories(REPORTS.resolve("corpus").resolve(target.name()));
    List<byte[]> seeds = target.seeds();
    for (int i = 0; i < seeds.size(); i++) {
      Files.write(corpus.resolve("seed-" + i), seeds.get(i));
    }
    return corpus;
  }
}
