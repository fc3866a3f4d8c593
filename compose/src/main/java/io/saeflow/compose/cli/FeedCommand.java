// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.SaeflowVersion;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.role.FeedProcess;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code saeflow feed}: begins a run on a cluster and feeds its corpus. */
@Command(
    name = "feed",
    description = {
      "Begin a run on a Kafka cluster: make its topics, say what it is made of, and feed its corpus.",
      "Ends when all is fed. Started again it sends what is missing."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class FeedCommand implements Callable<Integer> {
  @Mixin private ModelOptions model;

  @Mixin private SaeOptions sae;

  @Mixin private CorpusOptions corpus;

  @Mixin private StatisticsOptions statistics;

  @Mixin private TopicOptions topics;

  @Option(
      names = "--latent-sinks",
      paramLabel = "NAME",
      split = ",",
      description =
          "Names of the sinks that write delphi caches: latents stay until each has them."
              + " Default: sink.")
  private @Nullable List<String> latentSinks;

  @Option(
      names = "--append",
      description =
          "Go on after the end of what was fed. The corpus is all of it: what was fed, then what is"
              + " new. Default: no.")
  private boolean append;

  @Mixin private KafkaOptions kafka;

  @Override
  public Integer call() throws Exception {
    Settings line = new Settings();
    model.addTo(line);
    sae.addTo(line);
    corpus.addTo(line);
    statistics.addTo(line);
    topics.addTo(line);
    if (latentSinks != null) {
      line.latentSinks(latentSinks);
    }
    Settings settings = kafka.over(line);
    settings.toRoleConfig("feed");
    RunConfig config = settings.toRunConfig();
    FeedProcess.run(config, settings.toLatentSinks(), append, SaeflowVersion.current());
    return 0;
  }
}
