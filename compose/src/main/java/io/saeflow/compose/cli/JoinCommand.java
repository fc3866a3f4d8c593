// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.RoleConfig;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.role.JoinProcess;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code saeflow join}: adds an autoencoder to a run that has begun. */
@Command(
    name = "join",
    description = {
      "Add an autoencoder to a run that has begun or ended; its activations must have been kept"
          + " (feed --keep activations).",
      "Then 'saeflow process --sae PATH' works on it, beside those that work on the others."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class JoinCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private SaeOptions sae;

  @Mixin private FeatureRangeOptions ranges;

  @Mixin private KafkaOptions kafka;

  @Override
  public Integer call() throws Exception {
    Settings line = new Settings();
    sae.addTo(line);
    ranges.addTo(line);
    Settings settings = kafka.over(line);
    RoleConfig config = settings.toRoleConfig("join");
    spec.commandLine()
        .getOut()
        .println(JoinProcess.run(config.stream(), config.run(), settings.toSaeConfigs()));
    return 0;
  }
}
