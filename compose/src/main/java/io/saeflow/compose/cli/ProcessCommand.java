// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.RoleConfig;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.config.StreamConfig;
import io.saeflow.compose.prepare.EncoderDevice;
import io.saeflow.compose.role.ProcessRole;
import io.saeflow.compose.role.RoleProcess;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code saeflow process}: encodes and aggregates. */
@Command(
    name = "process",
    description = {
      "Encode the activations of a run with its autoencoders, unless its producers do, and keep"
          + " their features' statistics.",
      "Several share the work, as many as there are partitions and feature ranges. Goes on until it"
          + " is stopped."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class ProcessCommand implements Callable<Integer> {
  @Option(
      names = "--sae",
      paramLabel = "PATH",
      arity = "1..*",
      description =
          "The run's autoencoders, all that began together: OpenAI .pt files, SAELens or sparsify"
              + " directories. Required, but for a run that encodes at the producer.")
  private @Nullable List<Path> saes;

  @Option(
      names = "--state",
      paramLabel = "DIR",
      description =
          "Folder for what Kafka Streams keeps, of this process alone; the same after a restart."
              + " Required.")
  private @Nullable Path state;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of the encoder's products. Default: half the cores.")
  private @Nullable Long threads;

  @Option(
      names = "--stream-threads",
      paramLabel = "N",
      description = "Threads of each stage. Default: half the cores.")
  private @Nullable Long streamThreads;

  @Mixin private DeviceOptions device;

  @Mixin private RoleOptions role;

  @Mixin private KafkaOptions kafka;

  @Override
  public Integer call() throws Exception {
    Settings line = new Settings();
    SaeOptions.add(saes, line);
    SettingsLine.path(line, Setting.STATE, state);
    SettingsLine.number(line, Setting.THREADS, threads);
    SettingsLine.number(line, Setting.STREAM_THREADS, streamThreads);
    device.addTo(line);
    role.addTo(line);
    Settings settings = kafka.over(line);
    RoleConfig config = settings.toRoleConfig("process");
    EncoderDevice.require(config.device());
    RoleProcess.run(
        config.stream(),
        config.run(),
        new ProcessRole(
            config.name(),
            settings.toSaePaths(),
            config.requiredState(),
            config.stream().threads(),
            config.threads().orElseGet(StreamConfig::defaultThreads),
            config.device()));
    return 0;
  }
}
