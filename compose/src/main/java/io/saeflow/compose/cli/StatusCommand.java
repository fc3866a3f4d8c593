// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.RoleConfig;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.status.RunStatus;
import io.saeflow.compose.status.StatusReader;
import io.saeflow.compose.status.StatusText;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code saeflow status}: how far a run is. */
@Command(
    name = "status",
    description = "Say how far a run on a Kafka cluster is, and who works on it.",
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class StatusCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private KafkaOptions kafka;

  @Override
  public Integer call() {
    RoleConfig config = kafka.over(new Settings()).toRoleConfig("status");
    Map<String, Object> clients = config.stream().clients(config.stream().bootstrapServers());
    Topics topics = new Topics(config.run());
    try (RunTopics runTopics = new RunTopics(clients, topics)) {
      runTopics.requireBegun();
      RunManifest manifest =
          new ManifestTopic(clients, topics).read().orElseThrow(runTopics::notBegun);
      try (StatusReader reader = new StatusReader(clients, topics)) {
        RunStatus status = reader.read(manifest);
        StatusText.print(status, spec.commandLine().getOut());
      }
    }
    return 0;
  }
}
