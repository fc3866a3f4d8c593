// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.sinks.delphi.LatentCache;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.manifest.SinkFiles;
import io.saeflow.sinks.neuronrecord.NeuronRecordSink;
import io.saeflow.sinks.records.FeatureRecordConsumer;
import io.saeflow.sinks.records.FeatureSink;
import io.saeflow.sinks.records.FeatureVersions;
import io.saeflow.sinks.records.ParallelSink;
import io.saeflow.sinks.records.TokenText;
import io.saeflow.sinks.saeviewer.AtomSink;
import io.saeflow.sinks.topic.DeadLetterSender;
import io.saeflow.sinks.topic.RejectedMessages;
import io.saeflow.sinks.topic.TopicContents;
import io.saeflow.sinks.topic.TopicReader;
import io.saeflow.sinks.view.FeatureCounts;
import io.saeflow.sinks.view.ProgressLog;
import io.saeflow.sinks.view.ViewFiles;
import io.saeflow.sinks.view.ViewSink;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongPredicate;
import java.util.function.Supplier;

/**
 * All sinks of one run: a thread for each autoencoder's features topic, one for each format that is
 * written from it and, for the latent cache, one for its latents topic. Starting again writes the
 * same bytes again: features are read from the beginning, latents from where the cache saved them
 * last.
 */
public final class Sinks implements AutoCloseable {
  /** How a topic's contents get a reader. */
  @FunctionalInterface
  interface ReaderStarter {
    /**
     * Starts reading.
     *
     * @param contents the reader's from now on, unless this throws
     * @param last whether reading ends when the contents are complete with so many sequences
     */
    TopicReader start(
        String topic,
        int partitions,
        TopicContents contents,
        LongPredicate last,
        RejectedMessages rejected);
  }

  private record Source(String topic, int partitions, TopicContents contents) {}

  private final Set<SinkKind> kinds;
  private final AtTheEnd atTheEnd;
  private final Supplier<Optional<RunTotals>> totals;
  private final OutputFolder out;
  private final RunManifest manifest;
  private final DeadLetterSender letters;
  private final List<Source> sources = new ArrayList<>();
  private final List<LatentCache> caches = new ArrayList<>();
  private final Map<String, ViewSink> views = new LinkedHashMap<>();
  private final Map<String, FeatureRecordConsumer> records = new LinkedHashMap<>();
  private final List<TopicReader> readers = new ArrayList<>();
  private final CompletableFuture<Void> done = new CompletableFuture<>();

  private Sinks(SinksConfig config, RunManifest manifest, Supplier<Optional<RunTotals>> totals) {
    this.kinds = config.kinds();
    this.atTheEnd = config.atTheEnd();
    this.totals = totals;
    this.out = new OutputFolder(config.out());
    this.manifest = manifest;
    this.letters = new DeadLetterSender(config.kafka(), new Topics(manifest.getRun()));
  }

  /**
   * Starts reading the run's topics, which should exist, and writing.
   *
   * @param manifest says which autoencoders there are, and how their topics are partitioned
   * @param text called from the sinks' threads
   * @param vocabularySize {@code text} knows the ids from 0 to one less
   * @param totals the run's, as far as they are known: empty before, more after text was appended;
   *     called from the sinks' threads, again and again
   * @throws IllegalArgumentException as {@link #requireWritable}
   * @throws IOException if the spools cannot be made
   */
  public static Sinks start(
      SinksConfig config,
      RunManifest manifest,
      TokenText text,
      int vocabularySize,
      Supplier<Optional<RunTotals>> totals)
      throws IOException {
    String group = new Topics(manifest.getRun()).sinkGroup(config.name());
    return start(
        config,
        manifest,
        text,
        vocabularySize,
        totals,
        (topic, partitions, contents, last, rejected) ->
            TopicReader.start(config.kafka(), group, topic, partitions, contents, last, rejected));
  }

  static Sinks start(
      SinksConfig config,
      RunManifest manifest,
      TokenText text,
      int vocabularySize,
      Supplier<Optional<RunTotals>> totals,
      ReaderStarter starter)
      throws IOException {
    requireWritable(config.kinds(), manifest);
    Sinks sinks = new Sinks(config, manifest, totals);
    try {
      for (SaeManifest sae : manifest.getSaes()) {
        sinks.open(sae, text);
      }
      if (config.kinds().contains(SinkKind.VIEW)) {
        // Last: who finds it, finds the files of this run beside it.
        ViewFiles.write(sinks.out, manifest, text, vocabularySize);
      }
      for (Source source : sinks.sources) {
        sinks.readers.add(
            starter.start(
                source.topic, source.partitions, source.contents, sinks::isLast, sinks.letters));
      }
    } catch (IOException | RuntimeException e) {
      sinks.abandon(e);
      throw e;
    }
    sinks.follow();
    return sinks;
  }

  /**
   * Checks, before anything is made, that every file of the run has a place of its own below the
   * output folder.
   *
   * @throws IllegalArgumentException if the subject, an SAE's path, id or hook cannot be part of a
   *     path, or two SAEs would write into one folder
   */
  public static void requireWritable(Set<SinkKind> kinds, RunManifest manifest) {
    Map<String, String> owners = new HashMap<>();
    for (SinkFiles files : plan(kinds, manifest)) {
      String owner = owners.putIfAbsent(files.folder(), files.sae());
      if (owner != null) {
        throw new IllegalArgumentException(
            "%s: written by SAE '%s' and SAE '%s' (expected: a folder each)"
                .formatted(files.folder(), owner, files.sae()));
      }
    }
  }

  /**
   * Completes when every feature's record and every shard of the run's totals has been written;
   * never with {@link AtTheEnd#FOLLOW}. Fails with the first error of any sink, and is cancelled if
   * this is closed before.
   */
  public CompletableFuture<Void> done() {
    return done;
  }

  /** Whether the files are of the run's totals, as these are now known. */
  public boolean upToDate() {
    return totals
        .get()
        .map(
            now ->
                readers.stream()
                    .allMatch(reader -> reader.completeSequences() == now.getSequences()))
        .orElse(false);
  }

  /**
   * Opens the log of the run's progress, which lies beside what viewers read.
   *
   * @return to be closed by the caller; empty if {@link SinkKind#VIEW} is not written
   */
  public Optional<ProgressLog> openProgressLog() throws IOException {
    return kinds.contains(SinkKind.VIEW)
        ? Optional.of(ProgressLog.open(out, views))
        : Optional.empty();
  }

  /**
   * How many features are alive, dead and dense by their latest records, by autoencoder; empty
   * without {@link SinkKind#VIEW}. May be called from any thread.
   */
  public Map<String, FeatureCounts> featureCounts() {
    Map<String, FeatureCounts> counts = new LinkedHashMap<>();
    views.forEach((sae, view) -> counts.put(sae, view.counts()));
    return counts;
  }

  /**
   * What encoding has come to, by autoencoder, as their records say; empty where no sink reads
   * records. May be called from any thread.
   */
  public Map<String, EncodingStatistics> encodingStatistics() {
    Map<String, EncodingStatistics> statistics = new LinkedHashMap<>();
    records.forEach((sae, consumer) -> statistics.put(sae, consumer.statistics()));
    return statistics;
  }

  /** A manifest of this run with what was found of each autoencoder that this has records of. */
  public RunManifest withStatistics(RunManifest before) {
    Map<String, EncodingStatistics> found = encodingStatistics();
    return RunManifest.newBuilder(before)
        .setSaes(
            before.getSaes().stream()
                .map(
                    sae ->
                        found.containsKey(sae.getId())
                            ? SaeManifest.newBuilder(sae)
                                .setStatistics(found.get(sae.getId()).toManifest())
                                .build()
                            : sae)
                .toList())
        .build();
  }

  /**
   * What was written, by autoencoder, then by kind.
   *
   * @throws IllegalStateException if they are not {@link #upToDate}
   */
  public List<SinkFiles> files() {
    if (!upToDate()) {
      throw new IllegalStateException(
          "sinks: not up to date (expected: all written before files are listed)");
    }
    return plan(kinds, manifest);
  }

  /**
   * Saves what was read, stops and waits for the threads.
   *
   * @throws IOException if what is not needed any more cannot be removed
   */
  @Override
  public void close() throws IOException {
    readers.forEach(TopicReader::close);
    letters.close();
    if (atTheEnd == AtTheEnd.CLEAN_UP && done.isDone() && !done.isCompletedExceptionally()) {
      for (LatentCache cache : caches) {
        cache.deleteSpool();
      }
    }
  }

  private boolean isLast(long sequences) {
    return atTheEnd != AtTheEnd.FOLLOW
        && totals.get().map(known -> known.getSequences() == sequences).orElse(false);
  }

  private static List<SinkFiles> plan(Set<SinkKind> kinds, RunManifest manifest) {
    List<SinkFiles> plan = new ArrayList<>();
    for (SaeManifest sae : manifest.getSaes()) {
      Arrays.stream(SinkKind.values())
          .filter(kinds::contains)
          .forEach(kind -> plan.add(plan(kind, manifest, sae)));
    }
    return plan;
  }

  private static SinkFiles plan(SinkKind kind, RunManifest manifest, SaeManifest sae) {
    String folder =
        switch (kind) {
          case SAE_VIEWER -> AtomSink.folder(manifest.getSubject(), sae.getSaePath());
          case NEURON_RECORDS ->
              NeuronRecordSink.folder(sae.getId(), HookPoint.parse(sae.getHook()));
          case DELPHI -> LatentCache.folder(manifest, sae);
          case VIEW -> ViewFiles.records(sae.getId());
        };
    int files =
        switch (kind) {
          case SAE_VIEWER, NEURON_RECORDS -> sae.getLatents();
          case DELPHI -> sae.getFeatureRanges() + 1; // the shards and config.json
          case VIEW -> 1;
        };
    // The viewer's log keeps every version of a record, and which versions there are is chance.
    boolean reproducible = kind != SinkKind.VIEW;
    return new SinkFiles(kind.id(), sae.getId(), folder, files, reproducible);
  }

  private void open(SaeManifest sae, TokenText text) throws IOException {
    Topics topics = new Topics(manifest.getRun());
    List<FeatureSink> formats = new ArrayList<>();
    if (kinds.contains(SinkKind.SAE_VIEWER)) {
      formats.add(
          new ParallelSink(new AtomSink(out, manifest.getSubject(), sae.getSaePath(), text)));
    }
    if (kinds.contains(SinkKind.NEURON_RECORDS)) {
      formats.add(
          new ParallelSink(
              new NeuronRecordSink(out, sae.getId(), HookPoint.parse(sae.getHook()), text)));
    }
    List<FeatureVersions> followers = new ArrayList<>();
    if (kinds.contains(SinkKind.VIEW)) {
      ViewSink view = new ViewSink(out, sae.getId(), sae.getLatents());
      views.put(sae.getId(), view);
      followers.add(view);
    }
    if (!formats.isEmpty() || !followers.isEmpty()) {
      FeatureRecordConsumer consumer =
          new FeatureRecordConsumer(sae.getLatents(), formats, followers);
      records.put(sae.getId(), consumer);
      sources.add(new Source(topics.features(sae.getId()), sae.getFeatureRanges(), consumer));
    }
    if (kinds.contains(SinkKind.DELPHI)) {
      LatentCache cache = new LatentCache(out, manifest, sae);
      caches.add(cache);
      sources.add(new Source(topics.latents(sae.getId()), sae.getFeatureRanges(), cache));
    }
  }

  private void follow() {
    CompletableFuture<?>[] all =
        readers.stream().map(TopicReader::done).toArray(CompletableFuture<?>[]::new);
    for (CompletableFuture<?> one : all) {
      // The first failure is told at once, not when the other readers end.
      CompletableFuture<?> unused =
          one.exceptionally(
              failure -> {
                done.completeExceptionally(failure);
                return null;
              });
    }
    CompletableFuture<Void> unused =
        CompletableFuture.allOf(all).thenRun(() -> done.complete(null));
  }

  /** Closes the readers, and the contents that no reader took over. */
  private void abandon(Throwable cause) {
    readers.forEach(TopicReader::close);
    letters.close();
    for (Source source : sources.subList(readers.size(), sources.size())) {
      try {
        source.contents.close();
      } catch (IOException e) {
        cause.addSuppressed(e);
      }
    }
  }
}
