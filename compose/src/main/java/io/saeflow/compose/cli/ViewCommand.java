// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.sinks.view.ViewServer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "view",
    description = "Serve a finished or running run in the browser, until Ctrl-C.",
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class ViewCommand implements Callable<Integer> {
  private static final Duration WAIT = Duration.ofSeconds(1);

  @Spec private CommandSpec spec;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "A run's output folder, written with the sink 'view'.")
  private Path out;

  @Option(
      names = "--wait",
      description = "Wait for the run's first files if they are not there. Default: refuse.")
  private boolean waitForFiles;

  @Mixin private ViewOptions view;

  @Override
  public Integer call() throws Exception {
    try (ViewServer server = start()) {
      untilInterrupted();
    }
    return 0;
  }

  private ViewServer start() throws IOException, InterruptedException {
    PrintWriter err = spec.commandLine().getErr();
    for (boolean waiting = false; ; waiting = true) {
      try {
        return view.start(out, err);
      } catch (BadInputException e) {
        if (!waitForFiles || !(e.getCause() instanceof NoSuchFileException)) {
          throw e;
        }
        if (!waiting) {
          err.println("waiting for " + e.getMessage());
        }
        Thread.sleep(WAIT.toMillis());
      }
    }
  }

  /** Returns never: Ctrl-C ends the process, and a viewer has nothing to save. */
  static void untilInterrupted() throws InterruptedException {
    new CountDownLatch(1).await();
  }
}
