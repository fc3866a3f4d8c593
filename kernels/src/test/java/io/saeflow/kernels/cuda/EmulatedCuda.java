// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The kernels compiled for the processor, as a libcuda.so.1 and as programs, by
 * src/test/cuda/build.sh. A test that asks for them is skipped where that says what is missing.
 */
final class EmulatedCuda {
  /** What build.sh ends with where it says what is missing. */
  private static final int CANNOT = 77;

  private static final Path TARGET = Path.of("target", "emulated-cuda").toAbsolutePath();

  private EmulatedCuda() {}

  /** Builds the driver; its file. */
  static synchronized Path driver() {
    return build("plain").resolve("libcuda.so.1");
  }

  /** Builds the driver and has this process use it, which must not have asked for another. */
  static void use() {
    System.setProperty(CudaProbe.DRIVER_PROPERTY, driver().toString());
  }

  /** Opens its first device. */
  static CudaDevice open() {
    use();
    return CudaDevice.open(CudaProbe.probe().devices().get(0));
  }

  /** The folder of the programs, built with the sanitizers. */
  static synchronized Path sanitizedPrograms() {
    return build("sanitize");
  }

  /** The folder of the programs that run on a GPU. */
  static synchronized Path devicePrograms() {
    return build("device");
  }

  private static Path build(String kind) {
    Path out = TARGET.resolve(kind);
    Output built = run(List.of("sh", "src/test/cuda/build.sh", out.toString(), kind));
    assumeTrue(built.exitCode() != CANNOT, built.text());
    assertThat(built.exitCode()).as(built.text()).isZero();
    return out;
  }

  static boolean canRun(String... command) {
    try {
      return run(List.of(command)).exitCode() == 0;
    } catch (AssertionError e) {
      return false;
    }
  }

  /**
   * Runs a program of the tests in a process of its own, on the driver that is built here.
   *
   * @return the lines that it printed, what the driver said among them
   */
  static List<String> runProgram(
      Class<?> program, Map<String, String> environment, String... arguments) {
    List<String> flags = List.of("-D" + CudaProbe.DRIVER_PROPERTY + "=" + driver());
    return runProgram(program, flags, environment, arguments);
  }

  /** As the other, on the driver that the flags of the JVM choose. */
  static List<String> runProgram(
      Class<?> program, List<String> flags, Map<String, String> environment, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xshare:auto");
    command.add("-Djava.library.path=" + System.getProperty("java.library.path"));
    command.addAll(flags);
    String classPath = System.getProperty("java.class.path");
    command.addAll(List.of("-cp", System.getProperty("surefire.test.class.path", classPath)));
    command.add(program.getName());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    Output output = run(builder);
    assertThat(output.exitCode()).as(output.text()).isZero();
    return output.text().lines().filter(line -> !line.startsWith("WARNING")).toList();
  }

  /** Runs a command to its end. */
  static Output run(List<String> command) {
    return run(new ProcessBuilder(command));
  }

  static Output run(ProcessBuilder builder) {
    try {
      Path log = Files.createTempFile("emulated-cuda", ".log");
      try {
        Process process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        if (!process.waitFor(5, TimeUnit.MINUTES)) {
          process.destroyForcibly();
          throw new AssertionError(builder.command() + " did not end: " + Files.readString(log));
        }
        return new Output(process.exitValue(), Files.readString(log, StandardCharsets.UTF_8));
      } finally {
        Files.delete(log);
      }
    } catch (IOException e) {
      throw new AssertionError(builder.command() + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** How a command ended and what it printed. */
  record Output(int exitCode, String text) {}
}
