// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.sinks.view.ViewServer;
import java.nio.file.Path;
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
  @Spec private CommandSpec spec;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "A run's output folder, written with the sink 'view'.")
  private Path out;

  @Mixin private ViewOptions view;

  @Override
  public Integer call() throws Exception {
    try (ViewServer server = view.start(out, spec.commandLine().getErr())) {
      untilInterrupted();
    }
    return 0;
  }

  /** Returns never: Ctrl-C ends the process, and a viewer has nothing to save. */
  static void untilInterrupted() throws InterruptedException {
    new CountDownLatch(1).await();
  }
}
