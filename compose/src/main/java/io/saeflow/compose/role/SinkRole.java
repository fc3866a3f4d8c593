// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.metrics.RunGauges;
import io.saeflow.compose.output.RunFolder;
import io.saeflow.compose.prepare.PreparedText;
import io.saeflow.compose.progress.ProgressSnapshot;
import io.saeflow.compose.status.RunStatus;
import io.saeflow.compose.status.StatusReader;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.sinks.AtTheEnd;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.Sinks;
import io.saeflow.sinks.SinksConfig;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.manifest.ManifestFile;
import io.saeflow.sinks.view.FeatureCounts;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes what the run found.
 *
 * @param name under which its offsets are committed; one of its own for each output folder
 * @param out the output folder; goes on with what is in it
 * @param kinds what to write
 * @param tokenizer the tokenizer's files; if empty, tokens are shown by their numbers
 * @param follow whether it goes on when the run is complete, for text that is appended
 */
public record SinkRole(
    String name, Path out, Set<SinkKind> kinds, Optional<Path> tokenizer, boolean follow)
    implements Role {
  private static final Logger LOG = LoggerFactory.getLogger(SinkRole.class);

  @Override
  public RoleWork begin(RunContext run) throws Exception {
    Deque<AutoCloseable> opened = new ArrayDeque<>();
    try {
      PreparedText text = PreparedText.open(tokenizer, run.manifest());
      opened.push(text);
      RunFolder folder = RunFolder.newOrOwn(out);
      opened.push(folder);
      StatusReader statuses = new StatusReader(run.kafka(), run.topics());
      opened.push(statuses);
      Latest latest = new Latest(run.manifest(), new RunStatus(run.manifest(), 0, List.of(), 0));
      Sinks sinks =
          Sinks.start(
              new SinksConfig(
                  run.kafka(), out, kinds, name, follow ? AtTheEnd.FOLLOW : AtTheEnd.KEEP),
              run.manifest(),
              text.text(),
              run.manifest().getVocabularySize(),
              latest::totals);
      opened.push(sinks);
      ProgressTimeline timeline = ProgressTimeline.open(sinks, latest::progress);
      opened.push(timeline);
      return new Work(
          run, statuses, latest, sinks, timeline, new OutputFolder(folder.root()), opened);
    } catch (Exception e) {
      closeAll(opened);
      throw e;
    }
  }

  private static void closeAll(Deque<AutoCloseable> opened) throws Exception {
    while (!opened.isEmpty()) {
      opened.pop().close();
    }
  }

  /** What the run has come to, as last looked at. */
  private static final class Latest {
    private volatile RunManifest manifest;
    private volatile RunStatus status;

    Latest(RunManifest manifest, RunStatus status) {
      this.manifest = manifest;
      this.status = status;
    }

    Optional<RunTotals> totals() {
      return Optional.ofNullable(manifest.getTotals());
    }

    ProgressSnapshot progress() {
      return status.progress();
    }
  }

  private static final class Work implements RoleWork, RunGauges {
    private static final Duration LOOK_INTERVAL = Duration.ofSeconds(2);

    private final RunContext run;
    private final ManifestTopic manifests;
    private final StatusReader statuses;
    private final Latest latest;
    private final Sinks sinks;
    private final ProgressTimeline timeline;
    private final OutputFolder out;
    private final Deque<AutoCloseable> opened;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private Optional<RunTotals> written = Optional.empty();
    private long nextLook = System.nanoTime();

    Work(
        RunContext run,
        StatusReader statuses,
        Latest latest,
        Sinks sinks,
        ProgressTimeline timeline,
        OutputFolder out,
        Deque<AutoCloseable> opened) {
      this.run = run;
      this.manifests = new ManifestTopic(run.kafka(), run.topics());
      this.statuses = statuses;
      this.latest = latest;
      this.sinks = sinks;
      this.timeline = timeline;
      this.out = out;
      this.opened = opened;
      CompletableFuture<Void> unused =
          sinks
              .done()
              .whenComplete(
                  (nothing, cause) -> {
                    if (cause != null) {
                      done.completeExceptionally(cause);
                    }
                  });
    }

    @Override
    public CompletableFuture<?> done() {
      return done;
    }

    /** Notes what the run has come to, and writes the manifest when all files are of one state. */
    @Override
    public void tick() throws IOException {
      if (System.nanoTime() - nextLook < 0) {
        return;
      }
      nextLook = System.nanoTime() + LOOK_INTERVAL.toNanos();
      look();
      timeline.appendWhenDue();
      Optional<RunTotals> totals = latest.totals();
      if (totals.isPresent() && !totals.equals(written) && sinks.upToDate()) {
        timeline.appendComplete();
        // The latest totals, but the autoencoders that this began with.
        ManifestFile.write(
            out,
            sinks.withStatistics(
                RunManifest.newBuilder(latest.manifest).setSaes(run.manifest().getSaes()).build()),
            sinks.files());
        written = totals;
      }
      if (written.isPresent() && sinks.done().isDone()) {
        done.complete(null);
      }
    }

    @Override
    public ProgressSnapshot progress() {
      return latest.progress();
    }

    @Override
    public RunGauges gauges() {
      return this;
    }

    @Override
    public Map<String, EncodingStatistics> encodingStatistics() {
      return sinks.encodingStatistics();
    }

    @Override
    public Map<String, FeatureCounts> features() {
      return sinks.featureCounts();
    }

    @Override
    public void close() throws Exception {
      closeAll(opened);
    }

    /** What cannot be asked now stays as it was. */
    private void look() {
      try {
        manifests.read().ifPresent(manifest -> latest.manifest = manifest);
        latest.status = statuses.read(latest.manifest);
      } catch (KafkaException e) {
        LOG.info("status of run {}: {}", run.manifest().getRun(), e.getMessage());
      }
    }
  }
}
