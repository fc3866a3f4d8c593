// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.RoleConfig;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.topic.DeadLetters;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.schemas.Topics;
import java.io.PrintWriter;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code saeflow dead-letters}: what could not be used, and putting it back. */
@Command(
    name = "dead-letters",
    description = "List the messages of a run that could not be used, with their reasons.",
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class DeadLettersCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--replay",
      description =
          "Put them back where they came from, each once, after what was wrong is mended. Default:"
              + " only list.")
  private boolean replay;

  @Mixin private KafkaOptions kafka;

  @Override
  public Integer call() {
    RoleConfig config = kafka.over(new Settings()).toRoleConfig("dead-letters");
    Map<String, Object> clients = config.stream().clients(config.stream().bootstrapServers());
    Topics topics = new Topics(config.run());
    try (RunTopics runTopics = new RunTopics(clients, topics)) {
      runTopics.requireBegun();
    }
    DeadLetters letters = new DeadLetters(clients, topics);
    PrintWriter out = spec.commandLine().getOut();
    if (replay) {
      out.println("%d messages put back".formatted(letters.replay()));
    } else {
      letters.forEach(
          letter ->
              out.println(
                  "%d  %d bytes%s  %s"
                      .formatted(
                          letter.offset(),
                          letter.bytes(),
                          letter.replayed() ? "  put back" : "",
                          letter.description())));
    }
    out.flush();
    return 0;
  }
}
