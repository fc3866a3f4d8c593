// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.RoleConfig;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.role.RoleProcess;
import io.saeflow.compose.role.SinkRole;
import io.saeflow.compose.role.ViewRole;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.view.ViewServer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "view",
    description = {
      "Serve a finished or running run in the browser, until Ctrl-C.",
      "With --bootstrap-servers it follows a run on a Kafka cluster by itself, into a folder of its"
          + " own; else it reads what 'saeflow run' or 'saeflow sink' writes."
    },
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

  @Option(
      names = "--tokenizer",
      paramLabel = "DIR",
      description =
          "With a cluster: directory of tokenizer.json, or of vocab.json and merges.txt. Default:"
              + " the model's in the --config file, if there is one.")
  private @Nullable Path tokenizer;

  @Mixin private RoleOptions role;

  @Mixin private KafkaOptions kafka;

  @Override
  public Integer call() throws Exception {
    if (kafka.given()) {
      follow();
    } else {
      try (ViewServer server = start()) {
        untilInterrupted();
      }
    }
    return 0;
  }

  /** Collects what the viewer reads from a cluster, into a folder of its own. */
  private void follow() throws Exception {
    Settings line = new Settings();
    SettingsLine.path(line, Setting.TOKENIZER, tokenizer);
    role.addTo(line);
    Settings settings = kafka.over(line);
    RoleConfig config = settings.toRoleConfig("view");
    RoleProcess.run(
        config.stream(),
        config.run(),
        new ViewRole(
            new SinkRole(config.name(), out, Set.of(SinkKind.VIEW), settings.toTokenizer(), true),
            () -> view.start(out, spec.commandLine().getErr())));
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
