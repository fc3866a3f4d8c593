// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.saeflow.kernels.cuda.PtxCompiler.Needs;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The committed PTX: that it is of these sources, that drivers from CUDA 12.0 on take it, that its
 * kernels are those of {@link Kernel}, and that they need no more than kernel-budgets.csv allows.
 */
class PtxImageTest {
  private static final Path SOURCES = Path.of("src/main/cuda");

  /** Of the nvcc that made the committed images. */
  private static final String NVCC_RELEASE = "release 13.0";

  private static final Pattern ENTRY =
      Pattern.compile("\\.entry (\\w+)\\(([^)]*)\\)", Pattern.DOTALL);

  /** Such as {@code .param .u64 .ptr .align 1 name_param_0}. */
  private static final Pattern PARAMETER = Pattern.compile("\\.param \\.[a-z](\\d+) ");

  static List<PtxImage> images() {
    return PtxImage.all();
  }

  @ParameterizedTest
  @MethodSource("images")
  void saysWhatItNeeds(PtxImage image) {
    List<String> header = image.text().lines().filter(line -> line.startsWith(".")).toList();

    assertThat(header.get(0)).isEqualTo(".version 7.0");
    assertThat(header.get(1)).isEqualTo(".target sm_" + digits(image.target()));
  }

  @ParameterizedTest
  @MethodSource("images")
  void hasTheKernelsOfTheTable(PtxImage image) {
    Map<String, List<Integer>> entries = new TreeMap<>();
    Matcher entry = ENTRY.matcher(image.text());
    while (entry.find()) {
      List<Integer> bytes = new ArrayList<>();
      Matcher parameter = PARAMETER.matcher(entry.group(2));
      while (parameter.find()) {
        bytes.add(Integer.parseInt(parameter.group(1)) / Byte.SIZE);
      }
      entries.put(entry.group(1), bytes);
    }
    Map<String, List<Integer>> expected = new TreeMap<>();
    for (Kernel kernel : Kernel.values()) {
      expected.put(
          kernel.entry(), kernel.parameters().stream().map(Kernel.Parameter::bytes).toList());
    }

    assertThat(entries).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"75", "80", "86", "89", "90"})
  void staysWithinItsBudgets(int architecture) throws IOException {
    ComputeCapability device = new ComputeCapability(architecture / 10, architecture % 10);
    Map<String, Needs> budgets = budgets();
    for (PtxImage image : PtxImage.bestFirst(device)) {
      Map<String, Needs> needs = PtxCompiler.compile(image.text(), "sm_" + architecture);

      assertThat(needs.keySet()).isEqualTo(budgets.keySet());
      needs.forEach(
          (kernel, need) -> {
            String where = "%s of %s on sm_%d".formatted(kernel, image.name(), architecture);
            assertThat(need.registers())
                .as("registers of " + where)
                .isLessThanOrEqualTo(budgets.get(kernel).registers());
            assertThat(need.spillBytes())
                .as("bytes spilled by " + where)
                .isLessThanOrEqualTo(budgets.get(kernel).spillBytes());
          });
    }
  }

  @Test
  void isOfTheseSources() throws IOException {
    assertThat(resource("sources.sha256").strip())
        .as("kernels/build-ptx.sh makes the PTX anew; it was last made of other sources")
        .isEqualTo(hashOfSources());
  }

  @Test
  void isWhatTheCompilerMakes(@TempDir Path folder) throws IOException {
    assumeTrue(EmulatedCuda.canRun("nvcc", "--version"), "nvcc is missing");
    String version = EmulatedCuda.run(List.of("nvcc", "--version")).text();
    assumeTrue(version.contains(NVCC_RELEASE), "nvcc is not of " + NVCC_RELEASE);
    EmulatedCuda.Output built = EmulatedCuda.run(List.of("sh", "build-ptx.sh", folder.toString()));

    assertThat(built.exitCode()).as(built.text()).isZero();
    for (PtxImage image : PtxImage.all()) {
      assertThat(Files.readString(folder.resolve(image.name()))).isEqualTo(image.text());
    }
  }

  @Test
  void theBestIsTheNewestThatRuns() {
    assertThat(names(new ComputeCapability(9, 0)))
        .containsExactly("saeflow_sm80.ptx", "saeflow_sm75.ptx");
    assertThat(names(new ComputeCapability(12, 0)))
        .containsExactly("saeflow_sm80.ptx", "saeflow_sm75.ptx");
    assertThat(names(new ComputeCapability(7, 5))).containsExactly("saeflow_sm75.ptx");
    assertThat(names(new ComputeCapability(7, 0))).isEmpty();
  }

  private static List<String> names(ComputeCapability device) {
    return PtxImage.bestFirst(device).stream().map(PtxImage::name).toList();
  }

  private static String digits(ComputeCapability capability) {
    return "%d%d".formatted(capability.major(), capability.minor());
  }

  private static Map<String, Needs> budgets() throws IOException {
    Map<String, Needs> budgets = new TreeMap<>();
    resource("kernel-budgets.csv")
        .lines()
        .skip(1)
        .map(line -> line.split(","))
        .forEach(
            row ->
                budgets.put(row[0], new Needs(Integer.parseInt(row[1]), Integer.parseInt(row[2]))));
    return budgets;
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = PtxImage.class.getResourceAsStream(name)) {
      assertThat(in).as(name).isNotNull();
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** As build-ptx.sh makes it: headers, then kernels, each in order of their names. */
  private static String hashOfSources() throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String ending : List.of(".h", ".cu")) {
        for (Path source : sources(ending)) {
          digest.update(Files.readAllBytes(source));
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static List<Path> sources(String ending) throws IOException {
    try (Stream<Path> files = Files.list(SOURCES)) {
      return files.filter(file -> file.toString().endsWith(ending)).sorted().toList();
    }
  }
}
