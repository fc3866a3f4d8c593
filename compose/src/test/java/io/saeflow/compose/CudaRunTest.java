// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.compose.cli.Saeflow;
import io.saeflow.sinks.verify.RunVerification;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Whole runs whose encoders are on a GPU, emulated: the bytes are those of the processor. Each is a
 * process of its own, as which driver is loaded holds for a process.
 */
class CudaRunTest {
  private static final List<String> CASES =
      List.of("openai-topk--blocks.1.hook_resid_post", "saelens-jumprelu--blocks.0.mlp.hook_post");
  private static final int SEQUENCES = 150;
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  /** Of some 200 launches; enough for the self-test and some batches. */
  private static final int GOOD_LAUNCHES = 100;

  @TempDir static Path folder;

  /** What the processor made of it. */
  private static Path expected;

  private static Path driver;
  private static Path config;

  @BeforeAll
  static void runOnTheProcessor() throws Exception {
    driver = EmulatedGpu.driver();
    config = writeConfig();
    expected = folder.resolve("cpu");
    assertThat(run(Map.of(), expected, "--device=cpu").lastLines()).contains("encoded on cpu");
  }

  @Test
  void aGpuWritesTheFilesOfTheProcessor() throws Exception {
    Path out = folder.resolve("gpu");

    assertThat(run(Map.of(), out, "--device=cuda:0").lastLines())
        .anyMatch(line -> line.startsWith("encoded on cuda:0 emulated device 0, "));
    assertSameFiles(out);
  }

  @ParameterizedTest
  @CsvSource({"process, cuda", "producer, cuda", "process, cpu"})
  void aRunThatLosesItsDeviceGoesOn(String encodeAt, String next) throws Exception {
    Path out = folder.resolve(encodeAt + "-" + next);
    String option = "--encode-at=" + encodeAt;

    Map<String, String> losing =
        Map.of("FAKECUDA_LAUNCH", "719", "FAKECUDA_GOOD_LAUNCHES", "" + GOOD_LAUNCHES);
    Output failed = start(losing, out, "--device=cuda", option);
    assertThat(failed.exitCode()).as(failed.text()).isEqualTo(1);
    // Before its last line, a stage that wanted to save may have said that it could not.
    assertThat(failed.text().lines().reduce((line, later) -> later).orElseThrow())
        .matches("saeflow: CudaFatalException: .*\\(719\\)");
    assertNothingIsHalfWritten(out);

    // Another order of threads, blocks and copies.
    Map<String, String> shuffled = Map.of("FAKECUDA_SEED", "5");
    run(shuffled, out, "--device=" + next, "--resume", option);
    assertSameFiles(out);
  }

  /** The model's folder has nothing in it, which nobody gets to see. */
  @Test
  void aDeviceThatFailsTheSelfTestIsRefusedBeforeTheModelIsRead() throws Exception {
    Path out = folder.resolve("out");
    Path model = Files.createDirectory(folder.resolve("empty"));

    Output refused =
        start(Map.of("FAKECUDA_LAUNCH", "719"), out, "--device=cuda", "--model=" + model);
    assertThat(refused.exitCode()).as(refused.text()).isEqualTo(2);
    assertThat(refused.text().lines())
        .singleElement()
        .asString()
        .startsWith("saeflow: device: cuda:0: the kernels do not load (");
    assertThat(out).doesNotExist();
  }

  /** A manifest has the checksums of all files, but for the viewer's. */
  private static void assertSameFiles(Path actual) throws Exception {
    assertThat(actual.resolve("manifest.json"))
        .hasSameBinaryContentAs(expected.resolve("manifest.json"));
    assertThat(RunVerification.verify(expected).lines()).isEmpty();
    assertThat(RunVerification.verify(actual).lines()).isEmpty();
  }

  /** No manifest, which would say that all is there, and every record that is there is whole. */
  private static void assertNothingIsHalfWritten(Path out) throws IOException {
    assertThat(out.resolve("manifest.json")).doesNotExist();
    ObjectMapper json = new ObjectMapper();
    try (Stream<Path> files = Files.walk(out)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".json")).toList()) {
        assertThat(json.readTree(file.toFile()).isContainerNode()).as("%s", file).isTrue();
      }
    }
  }

  private static Path writeConfig() throws IOException {
    Path oracle = OracleCases.FOLDER.toAbsolutePath();
    Path tokens = OracleCases.writeTokens(folder.resolve("tokens.npy"), SEQUENCES);
    StringBuilder yaml = new StringBuilder();
    yaml.append("run-id: cuda%nbatch-size: 10%n".formatted());
    yaml.append("model: %s%ntokens: %s%n".formatted(oracle.resolve("model"), tokens));
    yaml.append("saes:%n".formatted());
    for (String name : CASES) {
      Path sae = oracle.resolve("cases").resolve(name).resolve("sae");
      yaml.append("  - {path: %s, hook: %s}%n".formatted(sae, OracleCases.hook(name)));
    }
    return Files.writeString(folder.resolve("pipeline.yaml"), yaml);
  }

  /** Runs saeflow to a good end. */
  private static Output run(Map<String, String> environment, Path out, String... options)
      throws Exception {
    Output output = start(environment, out, options);
    assertThat(output.exitCode()).as(output.text()).isZero();
    return output;
  }

  private static Output start(Map<String, String> environment, Path out, String... options)
      throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(flags());
    command.add("-Dsaeflow.cuda.driver=" + driver);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Saeflow.class.getName()));
    command.addAll(List.of("run", "--config=" + config, "--out=" + out));
    command.addAll(List.of(options));
    Path log = Files.createTempFile(folder, "run", ".log");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    try {
      assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .as(Files.readString(log))
          .isTrue();
      return new Output(process.exitValue(), Files.readString(log));
    } finally {
      process.destroyForcibly();
    }
  }

  /** What this JVM was given to run Arrow and to find the native libraries. */
  private static List<String> flags() {
    return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> flag.startsWith("--") || flag.startsWith("-Djava.library.path="))
        .toList();
  }

  /** How a process ended and what it said. */
  private record Output(int exitCode, String text) {
    List<String> lastLines() {
      List<String> lines = text.lines().toList();
      return lines.subList(Math.max(0, lines.size() - CASES.size() - 2), lines.size());
    }
  }
}
