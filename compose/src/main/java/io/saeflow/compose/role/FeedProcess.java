// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.StreamConfig;
import io.saeflow.compose.metrics.MetricsServer;
import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.prepare.PreparedRun;
import io.saeflow.compose.progress.Progress;
import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.publish.TokenFeed;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.feature.RunManifest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A process that begins a run, or goes on with it: makes its topics, publishes its manifest and
 * feeds its corpus. Started again after it was stopped, it sends only what is missing.
 */
public final class FeedProcess {
  private static final Duration TICK = Duration.ofMillis(250);

  private FeedProcess() {}

  /**
   * Feeds a corpus to its end.
   *
   * @param latentSinks names of the sinks that latents are kept for
   * @param append whether the run has ended before, and the corpus begins with what it was fed
   * @throws BadInputException if the corpus, the model or an autoencoder cannot be used, or they
   *     are not those that the run began with
   */
  public static void run(RunConfig config, List<String> latentSinks, boolean append, String version)
      throws Exception {
    config.requireInputs();
    StreamConfig stream = config.stream();
    Map<String, Object> kafka = stream.clients(stream.bootstrapServers());
    Topics topics = new Topics(config.run());
    try (StopSignal stop = StopSignal.install();
        TensorEngine engine = Gpt2.openEngine();
        PreparedRun prepared = PreparedRun.open(config, engine, latentSinks, version)) {
      try (RunWait wait = new RunWait(kafka, topics, stop, System.err)) {
        wait.forCluster();
      }
      ManifestTopic manifests = new ManifestTopic(kafka, topics);
      RunManifest manifest;
      try (RunTopics runTopics = new RunTopics(kafka, topics)) {
        runTopics.create(prepared.manifest(), stream.partitions(), ExistingOutput.RESUME);
      }
      if (append) {
        // Before the manifest says that more is to come.
        TokenFeed.requireAppendable(kafka, topics);
      }
      manifest =
          manifests.update(latest -> RunDefinition.next(prepared.manifest(), latest, append));
      if (!append && manifest.getFed() != null) {
        // Cut from the beginning again, batches would not be those that are on the topic.
        requireFed(manifest);
        return;
      }
      Optional<FeedPosition> fed = append ? Optional.of(manifest.getFed()) : Optional.empty();
      try (CorpusFeed feed = CorpusFeed.start(kafka, topics, prepared, fed)) {
        RunGauges gauges = new FeedGauges(feed);
        try (Progress progress =
                Progress.start(
                    () -> new ProgressSnapshot(feed.tokens(), OptionalLong.empty(), List.of()),
                    System.err,
                    Progress.Style.ofTerminal());
            AutoCloseable metrics = MetricsServer.startIfAsked(stream.metricsPort(), gauges)) {
          while (!feed.done().isDone() && !stop.requested()) {
            Thread.sleep(TICK.toMillis());
          }
          Failures.throwIfFailed(feed.done());
        }
        if (!feed.done().isDone()) {
          return;
        }
        manifests.update(
            latest ->
                RunManifest.newBuilder(latest.orElse(manifest))
                    .setTotals(feed.done().join())
                    .setFed(feed.fed().join())
                    .build());
      }
    } catch (StoppedException e) {
      // Asked to before there was anything to stop.
    }
  }

  private static void requireFed(RunManifest run) {
    if (run.getTotals() == null) {
      throw new BadInputException(
          "run-id: text is being appended to '%s' (expected: --append, to go on with it)"
              .formatted(run.getRun()));
    }
    System.err.println("run '%s' is fed already".formatted(run.getRun()));
  }

  private record FeedGauges(CorpusFeed feed) implements RunGauges {
    @Override
    public long fedTokens() {
      return feed.tokens();
    }
  }
}
