// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RoleConfig;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.role.RoleProcess;
import io.saeflow.compose.role.SinkRole;
import io.saeflow.sinks.SinksConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code saeflow sink}: writes files. */
@Command(
    name = "sink",
    description = {
      "Write what a run finds into a folder, and end when the run is complete.",
      "Several may write into a folder each. Started again it goes on with what is in its folder."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class SinkCommand implements Callable<Integer> {
  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Output folder: empty, new, or this sink's own. Required.")
  private @Nullable Path out;

  @Option(
      names = "--sinks",
      paramLabel = "NAME",
      split = ",",
      description =
          "What to write: sae-viewer, neuron-records, delphi, view. Default: all of them.")
  private @Nullable List<String> sinks;

  @Option(
      names = "--tokenizer",
      paramLabel = "DIR",
      description =
          "Directory of tokenizer.json, or of vocab.json and merges.txt. Default: the model's in"
              + " the --config file, if there is one; none is needed for ready tokens.")
  private @Nullable Path tokenizer;

  @Option(
      names = "--follow",
      description =
          "Go on when the run is complete, and write anew what appended text changes. Default: no.")
  private boolean follow;

  @Mixin private RoleOptions role;

  @Mixin private KafkaOptions kafka;

  @Override
  public Integer call() throws Exception {
    Settings line = new Settings();
    SettingsLine.path(line, Setting.OUT, out);
    SettingsLine.path(line, Setting.TOKENIZER, tokenizer);
    if (sinks != null) {
      line.sinks(sinks);
    }
    role.addTo(line);
    Settings settings = kafka.over(line);
    RoleConfig config = settings.toRoleConfig(SinksConfig.DEFAULT_NAME);
    OutputConfig output = settings.toOutputConfig();
    RoleProcess.run(
        config.stream(),
        config.run(),
        new SinkRole(
            config.name(), output.directory(), output.sinks(), settings.toTokenizer(), follow));
    return 0;
  }
}
