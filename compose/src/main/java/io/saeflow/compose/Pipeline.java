// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.metrics.MetricsServer;
import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.output.RunFolder;
import io.saeflow.compose.prepare.PreparedRun;
import io.saeflow.compose.progress.Progress;
import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.compose.progress.StageLag;
import io.saeflow.compose.topic.DeadLetterWatch;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.processors.Processors;
import io.saeflow.processors.ProcessorsConfig;
import io.saeflow.producer.publish.ActivationProducer;
import io.saeflow.producer.publish.ActivationProducerConfig;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.sinks.Sinks;
import io.saeflow.sinks.SinksConfig;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.manifest.ManifestFile;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.apache.avro.Schema;

/**
 * Every stage of one run, in this process: feed, producer, processors and sinks around one Kafka,
 * which it starts itself unless told of another.
 */
public final class Pipeline implements PipelineRunner {
  private static final Duration CHECK_INTERVAL = Duration.ofMillis(250);
  private static final String INSTANCE = "local";
  private static final long BUFFERED_BYTES = 256L << 20;

  /** More waiting messages would not make a stage any faster. */
  private static final int MAX_BUFFERED_MESSAGES = 20;

  /** A pipeline that has not started anything. */
  public Pipeline() {}

  @Override
  public RunSummary run(RunConfig config, RunListener listener) throws Exception {
    RunFolder checked = RunFolder.check(config.output().directory(), config.output().existing());
    try (PreparedRun prepared = PreparedRun.open(config, SaeflowVersion.current());
        StopSignal stop = StopSignal.install()) {
      try {
        return run(prepared, checked, stop, listener);
      } catch (StoppedException e) {
        // Said here: once the signal is closed, the process may be gone at any moment.
        System.err.println("saeflow: " + e.getMessage());
        throw e;
      }
    }
  }

  private static Map<String, Object> kafka(RunConfig config, String bootstrapServers) {
    Map<String, Object> kafka = new HashMap<>(config.stream().kafka());
    kafka.put("bootstrap.servers", bootstrapServers);
    return kafka;
  }

  private static RunSummary run(
      PreparedRun prepared, RunFolder checked, StopSignal stop, RunListener listener)
      throws Exception {
    RunConfig config = prepared.config();
    if (config.stream().embedded()) {
      try (RunFolder output = checked.open();
          EmbeddedBroker broker = EmbeddedBroker.start(output.brokerLog())) {
        return run(prepared, output, broker.bootstrapServers(), stop, listener);
      }
    }
    String servers = config.stream().bootstrapServers();
    // Before the folder is made: a cluster that cannot be used must not leave one behind.
    try (RunTopics topics = new RunTopics(kafka(config, servers), new Topics(config.run()))) {
      topics.check(
          prepared.hooks(),
          prepared.manifest().getSaes(),
          config.stream().partitions(),
          config.output().existing());
    }
    try (RunFolder output = checked.open()) {
      return run(prepared, output, servers, stop, listener);
    }
  }

  private static RunSummary run(
      PreparedRun prepared,
      RunFolder output,
      String bootstrapServers,
      StopSignal stop,
      RunListener listener)
      throws Exception {
    RunConfig config = prepared.config();
    Topics topics = new Topics(config.run());
    Map<String, Object> kafka = kafka(config, bootstrapServers);
    RunManifest manifest = prepared.manifest();
    long start = System.nanoTime();
    try (RunTopics runTopics = new RunTopics(kafka, topics)) {
      ManifestTopic manifestTopic = new ManifestTopic(kafka, topics);
      runTopics.create(
          prepared.hooks(),
          manifest.getSaes(),
          config.stream().partitions(),
          config.output().existing());
      if (config.output().existing() == ExistingOutput.RESUME) {
        requireSame(manifest, manifestTopic.read());
      }
      manifestTopic.publish(manifest);

      RunManifest finished;
      try (Processors processors =
              Processors.start(
                  new ProcessorsConfig(
                      kafka,
                      INSTANCE,
                      output.streamsState(),
                      config.stream().threads(),
                      bufferedMessages(prepared)),
                  topics,
                  prepared.encodeStages(),
                  prepared.aggregateStages(),
                  prepared.tally());
          ActivationProducer producer =
              ActivationProducer.start(
                  new ActivationProducerConfig(
                      kafka,
                      topics,
                      prepared.hooks(),
                      INSTANCE,
                      ActivationProducerConfig.DEFAULT_BATCHES_PER_TRANSACTION),
                  prepared.model());
          Sinks sinks =
              Sinks.start(
                  new SinksConfig(kafka, output.root(), config.output().sinks()),
                  manifest,
                  prepared.tokenText(),
                  prepared.vocabularySize());
          CorpusFeed feed = CorpusFeed.start(kafka, topics, prepared);
          DeadLetterWatch deadLetters = new DeadLetterWatch(kafka, topics)) {
        CompletableFuture<RunTotals> fed = feed.done();
        LiveGauges gauges =
            new LiveGauges(feed, producer, processors, sinks, prepared.encoderMeters());
        try (Progress progress = showProgress(() -> snapshot(gauges, fed, prepared.batchTokens()));
            AutoCloseable metrics = metrics(config.stream().metricsPort(), gauges);
            ProgressTimeline timeline =
                ProgressTimeline.open(sinks, gauges, fed, prepared.batchTokens())) {
          listener.writing(output.root());
          while (!(sinks.done().isDone() && isAggregated(processors, fed))) {
            throwFailureOf(fed);
            throwFailureOf(producer.finished());
            throwFailureOf(processors.failure());
            throwFailureOf(sinks.done());
            Optional<String> letter = deadLetters.poll(CHECK_INTERVAL);
            if (letter.isPresent()) {
              throw new IllegalStateException(
                  "a message could not be used and is kept on %s, so the run cannot be complete: %s"
                      .formatted(topics.deadLetters(), letter.get()));
            }
            timeline.appendWhenDue();
            if (stop.requested()) {
              throw new StoppedException(output.root());
            }
          }
          throwFailureOf(sinks.done());
          timeline.appendComplete();
        }
        finished = RunManifest.newBuilder(manifest).setTotals(fed.join()).build();
        manifestTopic.publish(finished);
        ManifestFile.write(new OutputFolder(output.root()), finished, sinks.files());
      }
      if (config.stream().embedded()) {
        runTopics.deleteActivations(prepared.hooks());
      }
      RunTotals totals = finished.getTotals();
      return new RunSummary(
          totals.getDocuments(),
          totals.getSequences(),
          totals.getTokens(),
          Duration.ofNanos(System.nanoTime() - start));
    }
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
            new StageLag("model", gauges.modelLag(batchTokens)),
            new StageLag("features", gauges.featureLag(batchTokens))));
  }

  private static AutoCloseable metrics(OptionalInt port, RunGauges gauges) throws IOException {
    if (port.isEmpty()) {
      return () -> {};
    }
    MetricsServer server = MetricsServer.start(port.getAsInt(), gauges);
    System.err.println("metrics at http://127.0.0.1:%d/metrics".formatted(server.port()));
    return server;
  }

  /** As many as fit into the room that waiting activations may take, shared by all partitions. */
  private static int bufferedMessages(PreparedRun prepared) {
    long partitions = (long) prepared.hooks().size() * prepared.config().stream().partitions();
    long fit = BUFFERED_BYTES / (partitions * prepared.largestActivationBytes());
    return (int) Math.max(1, Math.min(MAX_BUFFERED_MESSAGES, fit));
  }

  /** A run can only go on as what it was begun as. */
  private static void requireSame(RunManifest now, Optional<RunManifest> begun) {
    if (begun.isEmpty()) {
      return;
    }
    RunManifest before = RunManifest.newBuilder(begun.get()).setTotals(null).build();
    for (Schema.Field field : RunManifest.getClassSchema().getFields()) {
      Object is = now.get(field.pos());
      Object was = before.get(field.pos());
      if (!Objects.equals(is, was)) {
        throw new BadInputException(
            "resume: %s is %s (expected: %s, as the run began; or --overwrite to begin anew)"
                .formatted(field.name(), is, was));
      }
    }
  }

  private static void throwFailureOf(CompletableFuture<?> future) throws Exception {
    if (!future.isCompletedExceptionally()) {
      return;
    }
    try {
      future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    }
  }
}
