// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.LabelCounts;
import io.saeflow.schemas.feature.SaeStatistics;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.sinks.records.FeatureRecordConsumer;
import io.saeflow.sinks.verify.FeatureRules.Window;
import io.saeflow.sinks.view.RecordLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** One autoencoder's log of records, which ends with a complete one for each feature. */
final class RecordLogCheck {
  private final FeatureRules rules;
  private final long runTokens;
  private final @Nullable SaeStatistics statistics;
  private final FeatureFacts facts;
  private final BitSet complete = new BitSet();

  /**
   * @param runTokens of the whole run
   * @param statistics the autoencoder's, as the manifest says; null if it says nothing
   */
  RecordLogCheck(
      FeatureRules rules, long runTokens, @Nullable SaeStatistics statistics, FeatureFacts facts) {
    this.rules = rules;
    this.runTokens = runTokens;
    this.statistics = statistics;
    this.facts = facts;
  }

  void check(Path file) throws IOException, UnsoundFileException {
    long[] end = new long[1];
    try (RecordLog log = RecordLog.open(file)) {
      log.poll(
          Long.MAX_VALUE,
          (offset, bytes) -> {
            end[0] = offset + bytes.length;
            try {
              take(AvroCodec.FEATURE.decode(bytes));
            } catch (UnsoundFileException e) {
              throw new MalformedMessageException(
                  "record at %d: %s".formatted(offset, e.getMessage()), e);
            }
          });
    } catch (MalformedMessageException e) {
      throw new UnsoundFileException(e.getMessage());
    }
    require(
        end[0] == Files.size(file),
        "%d bytes (expected: %d, where the last whole record ends)",
        Files.size(file),
        end[0]);
    require(
        complete.cardinality() == facts.latents(),
        "complete records of %d features (expected: %d)",
        complete.cardinality(),
        facts.latents());
  }

  private void take(FeatureRecord record) throws UnsoundFileException, MalformedMessageException {
    FeatureRecordConsumer.requireConsistent(record, facts.latents());
    int latent = record.getLatent();
    if (!record.getComplete()) {
      require(
          !complete.get(latent), "latent %d is incomplete (expected: complete, as before)", latent);
      return;
    }
    complete.set(latent);
    try {
      requireSound(record);
    } catch (UnsoundFileException e) {
      throw new UnsoundFileException("latent %d: %s".formatted(latent, e.getMessage()));
    }
  }

  private void requireSound(FeatureRecord record) throws UnsoundFileException {
    int latent = record.getLatent();
    require(
        record.getNonFiniteTokens() >= 0
            && record.getTokens() == runTokens - record.getNonFiniteTokens(),
        "%d tokens and %d not finite (expected: %d together)",
        record.getTokens(),
        record.getNonFiniteTokens(),
        runTokens);
    SaeStatistics found = EncodingStatistics.of(record).toManifest();
    require(
        statistics == null || statistics.equals(found),
        "statistics %s (expected: %s, as in the manifest)",
        found,
        statistics);
    NavigableMap<Integer, Long> histogram = new TreeMap<>();
    for (int i = 0; i < record.getHistogramBins().size(); i++) {
      histogram.put(record.getHistogramBins().get(i), record.getHistogramCounts().get(i));
    }
    require(
        List.copyOf(histogram.keySet()).equals(record.getHistogramBins()),
        "histogram bins %s (expected: ascending)",
        record.getHistogramBins());
    long sum = FeatureRules.requireHistogram(histogram);
    require(
        sum == record.getActive(),
        "%d values in the histogram (expected: %d, as many as are above zero)",
        sum,
        record.getActive());
    facts.tokens(record.getTokens());
    facts.active(latent, record.getActive());
    requireExamples(record, histogram);
    for (LabelCounts label : record.getLabels()) {
      requireLabel(label, record.getActive());
    }
  }

  private void requireExamples(FeatureRecord record, NavigableMap<Integer, Long> histogram)
      throws UnsoundFileException {
    rules.requireTop(windows(record.getTop()), record.getActive());
    rules.requireRandom(windows(record.getRandom()), record.getActive());
    if (record.getActive() == 0) {
      require(record.getMax() == 0, "max %s (expected: 0 of a dead feature)", record.getMax());
      return;
    }
    FeatureRules.requireLargest(histogram, record.getMax());
    facts.largest(record.getLatent(), record.getMax());
    if (!record.getTop().isEmpty()) {
      facts.largest(record.getLatent(), record.getTop().get(0).getActivation());
    }
  }

  /** Labels count tokens that are not finite, and not those without a label. */
  private void requireLabel(LabelCounts label, long active) throws UnsoundFileException {
    int values = label.getValues().size();
    require(
        label.getActive().size() == values && label.getTokens().size() == values,
        "label '%s': %d values, %d and %d counts (expected: as many)",
        label.getField(),
        values,
        label.getActive().size(),
        label.getTokens().size());
    long activeSum = 0;
    long tokenSum = 0;
    for (int i = 0; i < values; i++) {
      long here = label.getActive().get(i);
      long all = label.getTokens().get(i);
      require(
          here >= 0 && all >= here && all <= runTokens,
          "label '%s', '%s': %d of %d tokens (expected: at most all)",
          label.getField(),
          label.getValues().get(i),
          here,
          all);
      activeSum += here;
      tokenSum += all;
    }
    require(
        activeSum <= active && tokenSum <= runTokens,
        "label '%s': %d of %d tokens (expected: at most %d of %d)",
        label.getField(),
        activeSum,
        tokenSum,
        active,
        runTokens);
  }

  private static List<Window> windows(List<Example> examples) {
    return examples.stream()
        .map(
            example ->
                new Window(
                    example.getPosition() - example.getWindowStart(),
                    example.getActivation(),
                    example.getActivations(),
                    example.getTokens().size()))
        .toList();
  }
}
