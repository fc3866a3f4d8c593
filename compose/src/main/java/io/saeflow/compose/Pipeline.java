// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.Kept;
import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.StreamConfig;
import io.saeflow.compose.metrics.MetricsServer;
import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.output.RunFolder;
import io.saeflow.compose.prepare.EncoderDevice;
import io.saeflow.compose.prepare.PreparedRun;
import io.saeflow.compose.prepare.PreparedSae;
import io.saeflow.compose.prepare.RunEngines;
import io.saeflow.compose.progress.Progress;
import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.compose.progress.StageLag;
import io.saeflow.compose.role.CorpusFeed;
import io.saeflow.compose.role.Failures;
import io.saeflow.compose.role.ProgressTimeline;
import io.saeflow.compose.role.RunContext;
import io.saeflow.compose.role.RunDefinition;
import io.saeflow.compose.role.Stages;
import io.saeflow.compose.role.StopSignal;
import io.saeflow.compose.role.StoppedException;
import io.saeflow.compose.topic.DeadLetterWatch;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.processors.Processors;
import io.saeflow.processors.retention.RecordRetention;
import io.saeflow.producer.publish.ActivationOutput;
import io.saeflow.producer.publish.ActivationProducer;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.Sinks;
import io.saeflow.sinks.SinksConfig;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.manifest.ManifestFile;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * Every stage of one run, in this process: feed, producer, processors and sinks around one Kafka,
 * which it starts itself unless told of another.
 */
public final class Pipeline implements PipelineRunner {
  private static final Duration CHECK_INTERVAL = Duration.ofMillis(250);
  private static final String INSTANCE = "local";

  /** A pipeline that has not started anything. */
  public Pipeline() {}

  @Override
  public RunSummary run(RunConfig config, OutputConfig output, RunListener listener)
      throws Exception {
    RunFolder checked = RunFolder.check(output.directory(), output.existing());
    // The device first: model and text may take minutes to read.
    try (RunEngines engines = RunEngines.open(config);
        SaeEncoders encoders = EncoderDevice.open(config.device(), engines.encoders(), System.err);
        PreparedRun prepared =
            PreparedRun.open(
                config, engines.model(), latentSinks(output), SaeflowVersion.current());
        StopSignal stop = StopSignal.install()) {
      try {
        return run(prepared, encoders, output, checked, stop, listener);
      } catch (StoppedException e) {
        // Said here: once the signal is closed, the process may be gone at any moment.
        System.err.println("saeflow: " + e.getMessage());
        throw e;
      }
    }
  }

  private static List<String> latentSinks(OutputConfig output) {
    return output.sinks().contains(SinkKind.DELPHI) ? List.of(SinksConfig.DEFAULT_NAME) : List.of();
  }

  private static RunSummary run(
      PreparedRun prepared,
      SaeEncoders encoders,
      OutputConfig output,
      RunFolder checked,
      StopSignal stop,
      RunListener listener)
      throws Exception {
    StreamConfig stream = prepared.config().stream();
    if (stream.embedded()) {
      try (RunFolder folder = checked.open();
          EmbeddedBroker broker = EmbeddedBroker.start(folder.brokerLog())) {
        return run(
            prepared,
            encoders,
            output,
            folder,
            stream.clients(broker.bootstrapServers()),
            stop,
            listener);
      }
    }
    Map<String, Object> kafka = stream.clients(stream.bootstrapServers());
    // Before the folder is made: a cluster that cannot be used must not leave one behind.
    try (RunTopics topics = new RunTopics(kafka, new Topics(prepared.config().run()))) {
      topics.check(prepared.manifest(), stream.partitions(), output.existing());
    }
    try (RunFolder folder = checked.open()) {
      return run(prepared, encoders, output, folder, kafka, stop, listener);
    }
  }

  private static RunSummary run(
      PreparedRun prepared,
      SaeEncoders encoders,
      OutputConfig output,
      RunFolder folder,
      Map<String, Object> kafka,
      StopSignal stop,
      RunListener listener)
      throws Exception {
    StreamConfig stream = prepared.config().stream();
    RunContext run = new RunContext(kafka, prepared.manifest());
    RunManifest manifest = run.manifest();
    Topics topics = run.topics();
    long start = System.nanoTime();
    try (RunTopics runTopics = new RunTopics(kafka, topics)) {
      ManifestTopic manifestTopic = new ManifestTopic(kafka, topics);
      runTopics.create(manifest, stream.partitions(), output.existing());
      if (output.existing() == ExistingOutput.RESUME) {
        Optional<RunManifest> begun = manifestTopic.read();
        begun.ifPresent(before -> RunDefinition.requireSame(manifest, before));
        Optional<RunTotals> ended = begun.map(RunManifest::getTotals);
        if (ended.isPresent() && Files.exists(folder.manifest())) {
          listener.writing(folder.root());
          return summary(ended.get(), start, Optional.empty(), Map.of());
        }
      }
      manifestTopic.publish(manifest);

      RunManifest finished;
      Map<String, EncodingStatistics> encodings;
      AtomicReference<Optional<RunTotals>> totals = new AtomicReference<>(Optional.empty());
      try (Processors processors = processors(run, prepared, encoders, folder);
          ActivationProducer producer =
              Stages.produce(
                  run,
                  INSTANCE,
                  prepared.model(),
                  prepared.config().model().threads(),
                  stream.maxWaitingBatches(),
                  output(run, prepared, encoders));
          RecordRetention retention = RecordRetention.start(kafka, topics, manifest);
          Sinks sinks =
              Sinks.start(
                  new SinksConfig(kafka, folder.root(), output.sinks()),
                  manifest,
                  prepared.tokenText(),
                  manifest.getVocabularySize(),
                  totals::get);
          CorpusFeed feed = CorpusFeed.start(kafka, topics, prepared, Optional.empty());
          DeadLetterWatch deadLetters = new DeadLetterWatch(kafka, topics, System.err)) {
        CompletableFuture<RunTotals> fed = feed.done();
        CompletableFuture<Void> unused = fed.thenAccept(known -> totals.set(Optional.of(known)));
        LiveGauges gauges =
            new LiveGauges(feed, producer, processors, sinks, PreparedSae.meters(prepared.saes()));
        Supplier<ProgressSnapshot> snapshot = () -> snapshot(gauges, fed, run.batchTokens());
        try (Progress progress = showProgress(snapshot);
            AutoCloseable metrics = MetricsServer.startIfAsked(stream.metricsPort(), gauges);
            ProgressTimeline timeline = ProgressTimeline.open(sinks, snapshot)) {
          listener.writing(folder.root());
          while (!(sinks.done().isDone() && isAggregated(processors, fed))) {
            Failures.throwIfFailed(fed);
            Failures.throwIfFailed(producer.finished());
            Failures.throwIfFailed(processors.failure());
            Failures.throwIfFailed(retention.failure());
            Failures.throwIfFailed(sinks.done());
            deadLetters.poll(CHECK_INTERVAL);
            deadLetters.requireProgress(
                fed.isDone(), gauges.modelledTokens(), gauges.aggregatedTokens());
            timeline.appendWhenDue();
            if (stop.requested()) {
              throw new StoppedException(folder.root());
            }
          }
          Failures.throwIfFailed(sinks.done());
          timeline.appendComplete();
        }
        finished =
            RunManifest.newBuilder(manifest)
                .setTotals(fed.join())
                .setFed(feed.fed().join())
                .build();
        manifestTopic.publish(finished);
        encodings = sinks.encodingStatistics();
        ManifestFile.write(
            new OutputFolder(folder.root()), sinks.withStatistics(finished), sinks.files());
      }
      if (stream.embedded()
          && run.encodeAt() == EncodeAt.PROCESS
          && !stream.keep().contains(Kept.ACTIVATIONS)) {
        runTopics.deleteActivations(run.hooks());
      }
      return summary(finished.getTotals(), start, Optional.of(encoders.description()), encodings);
    }
  }

  private static RunSummary summary(
      RunTotals totals,
      long start,
      Optional<String> device,
      Map<String, EncodingStatistics> encodings) {
    return new RunSummary(
        totals.getDocuments(),
        totals.getSequences(),
        totals.getTokens(),
        Duration.ofNanos(System.nanoTime() - start),
        device,
        encodings);
  }

  private static Processors processors(
      RunContext run, PreparedRun prepared, SaeEncoders encoders, RunFolder folder) {
    StreamConfig stream = prepared.config().stream();
    return switch (run.encodeAt()) {
      case PROCESS ->
          Stages.process(
              run,
              INSTANCE,
              prepared.saes(),
              encoders,
              folder.streamsState(),
              stream.threads(),
              stream.partitions());
      case PRODUCER ->
          Stages.aggregate(
              run,
              INSTANCE,
              encoders,
              folder.streamsState(),
              stream.threads(),
              stream.partitions());
    };
  }

  private static ActivationOutput output(
      RunContext run, PreparedRun prepared, SaeEncoders encoders) {
    return switch (run.encodeAt()) {
      case PROCESS -> Stages.activations(run);
      case PRODUCER -> Stages.latents(run, prepared.saes(), encoders);
    };
  }

  private static Progress showProgress(Supplier<ProgressSnapshot> source) {
    return Progress.start(source, System.err, Progress.Style.ofTerminal());
  }

  private static boolean isAggregated(Processors processors, CompletableFuture<RunTotals> fed) {
    return fed.isDone()
        && !fed.isCompletedExceptionally()
        && processors.aggregatedTokens() == fed.join().getTokens();
  }

  private static ProgressSnapshot snapshot(
      RunGauges gauges, CompletableFuture<RunTotals> fed, long batchTokens) {
    return new ProgressSnapshot(
        gauges.aggregatedTokens(),
        fed.isDone() && !fed.isCompletedExceptionally()
            ? OptionalLong.of(fed.join().getTokens())
            : OptionalLong.empty(),
        List.of(
            new StageLag(ProgressSnapshot.MODEL, gauges.modelLag(batchTokens)),
            new StageLag(ProgressSnapshot.FEATURES, gauges.featureLag(batchTokens))));
  }
}
