// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.ModelConfig;
import io.saeflow.compose.config.RoleConfig;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.prepare.EncoderDevice;
import io.saeflow.compose.role.ProduceRole;
import io.saeflow.compose.role.RoleProcess;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code saeflow produce}: runs the model. */
@Command(
    name = "produce",
    description = {
      "Run the model over the token batches of a run, and publish its activations; their latents"
          + " instead if the run encodes at the producer.",
      "Several share the work, as many as the run has partitions. Goes on until it is stopped."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class ProduceCommand implements Callable<Integer> {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "Hugging Face GPT-2 directory, that of the run. Required.")
  private @Nullable Path model;

  @Mixin private ModelDeviceOptions modelDevice;

  @Option(
      names = "--sae",
      paramLabel = "PATH",
      arity = "1..*",
      description =
          "The run's autoencoders: OpenAI .pt files, SAELens or sparsify directories. Required in a"
              + " run that encodes at the producer, else not used.")
  private @Nullable List<Path> saes;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Batches that the model runs over at once. Default: as many as there are cores.")
  private @Nullable Long threads;

  @Option(
      names = "--max-waiting-batches",
      paramLabel = "N",
      description =
          "Wait while more than so many batches in a partition wait for the next stage."
              + " Default: 64; 1024 in a run that encodes at the producer.")
  private @Nullable Long maxWaitingBatches;

  @Mixin private DeviceOptions device;

  @Mixin private RoleOptions role;

  @Mixin private KafkaOptions kafka;

  @Override
  public Integer call() throws Exception {
    Settings line = new Settings();
    SettingsLine.path(line, Setting.MODEL, model);
    modelDevice.addTo(line);
    SaeOptions.add(saes, line);
    SettingsLine.number(line, Setting.THREADS, threads);
    SettingsLine.number(line, Setting.MAX_WAITING_BATCHES, maxWaitingBatches);
    device.addTo(line);
    role.addTo(line);
    Settings settings = kafka.over(line);
    RoleConfig config = settings.toRoleConfig("produce");
    EncoderDevice.require(config.device());
    RoleProcess.run(
        config.stream(),
        config.run(),
        new ProduceRole(
            config.name(),
            settings.toModel(),
            settings.toModelDevice(),
            settings.toSaePaths(),
            config.threads().orElseGet(ModelConfig::defaultThreads),
            config.stream().maxWaitingBatches(),
            config.device()));
    return 0;
  }
}
