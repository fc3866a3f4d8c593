// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import io.saeflow.kernels.aggregate.CpuLatentAggregator;
import io.saeflow.kernels.aggregate.EntriesByLatent;
import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.aggregate.LatentStatistics;
import io.saeflow.kernels.aggregate.SequenceVisitor;
import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.LabelCounts;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.data.Percentage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class RangeTallyTest {
  private static final int LATENTS = 11;
  private static final int CONTEXT = 7;
  private static final TallyConfig CONFIG =
      new TallyConfig(
          3,
          4,
          5,
          42,
          List.of(LabelField.parse("year:10"), LabelField.parse("party"), LabelField.parse("id")));

  /** Of the documents 0 to 8. */
  private static final List<String> LABELS =
      List.of(
          "{}",
          "{\"year\":1799,\"party\":\"w\",\"id\":0}",
          "{\"year\":1800,\"party\":\"d\",\"id\":1}",
          "{\"year\":1809,\"party\":\"r\",\"id\":2}",
          "{\"year\":-1,\"id\":3}",
          "{\"party\":\"d\",\"id\":4}",
          "{\"year\":\"unknown\",\"id\":5}",
          "{\"year\":\"1795\",\"party\":true,\"id\":6}",
          "{\"id\":7,\"year\":0.0}");

  @Test
  void theNumbersOfASmallBatchAreThoseCountedByHand() throws Exception {
    // Two sequences of three tokens; latent 1 fires 0.5, 0.6 | 1.0 and latent 0 once at 0.2.
    TokenBatch batch =
        new TokenBatch(
            "r",
            0,
            0,
            3,
            new int[] {7, 8, 9, 4, 5, 6},
            List.of(
                List.of(new DocumentSpan(0, 3, 0, "{}"), new DocumentSpan(2, 4, 0, "{}")),
                List.of(new DocumentSpan(1, 4, 1, "{}"))));
    LatentBatch latents =
        new LatentBatch(
            batch,
            "s",
            new FeatureRange(0, 1, 3),
            EncodingSummary.withoutDecoder(0, 4),
            new int[] {0, 1, 1, 3, 4, 4, 4},
            new int[] {1, 0, 1, 1},
            new float[] {0.5f, 0.2f, 0.75f, 1f});
    RangeTally tally =
        tally("s", new FeatureRange(0, 1, 3), new TallyConfig(2, 9, 2, 0, List.of()));
    tally.add(latents);
    tally.end(new EndOfStream("r", 1, 2, 6));

    FeatureRecord record = tally.record(1);
    assertThat(record.getSequences()).isEqualTo(2);
    assertThat(record.getTokens()).isEqualTo(6);
    assertThat(record.getActive()).isEqualTo(3);
    assertThat(record.getMax()).isEqualTo(1f);
    assertThat(record.getComplete()).isTrue();
    assertThat(record.getSum1()).isEqualTo(2.25);
    assertThat(record.getSum2()).isEqualTo(0.25 + 0.5625 + 1);
    assertThat(record.getSum3()).isEqualTo(0.125 + 0.421875 + 1);
    assertThat(record.getSum4()).isEqualTo(0.0625 + 0.31640625 + 1);
    assertThat(record.getHistogramBins()).containsExactly(3, 4, 5);
    assertThat(record.getHistogramCounts()).containsExactly(1L, 1L, 1L);
    assertThat(record.getTop())
        .containsExactly(
            new Example(1L, 0, 1f, -1L, 0, List.of(4, 5), List.of(1f, 0f)),
            new Example(0L, 2, 0.75f, 4L, 1, List.of(8, 9), List.of(0f, 0.75f)));
    assertThat(record.getRandom())
        .extracting(Example::getSequence, Example::getPosition)
        .containsExactly(tuple(0L, 0), tuple(0L, 2), tuple(1L, 0));
    assertThat(tally.record(2).getActive()).isZero();
    assertThat(tally.record(2).getTop()).isEmpty();
  }

  @Test
  void ofEqualMaximaTheFirstPositionAndTheEarlierSequenceWin() throws Exception {
    RangeTally tally =
        tally("s", new FeatureRange(0, 1, LATENTS), new TallyConfig(1, 0, 5, 0, List.of()));
    Map<Integer, Map<Integer, Float>> firings = new HashMap<>();
    for (int token : new int[] {2, 4, CONTEXT + 1}) {
      firings.put(token, Map.of(5, 2f));
    }
    tally.add(batch(1, firings, new FeatureRange(0, 1, LATENTS)));
    tally.add(batch(0, firings, new FeatureRange(0, 1, LATENTS)));
    assertThat(tally.record(5).getTop())
        .extracting(Example::getSequence, Example::getPosition)
        .containsExactly(tuple(0L, 2));
  }

  /** The law the whole stream leans on: neither order nor partitioning shows in a record. */
  @Property(tries = 200)
  void recordsDependNeitherOnTheOrderOfBatchesNorOnRangesNorOnRestarts(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = LATENTS) int ranges) throws Exception {
    Random random = new Random(seed);
    List<Map<Integer, Map<Integer, Float>>> batches = new ArrayList<>();
    for (int b = 0; b < 6; b++) {
      batches.add(randomFirings(random));
    }
    List<FeatureRecord> expected = records(batches, List.of(0, 1, 2, 3, 4, 5), 1, -1);
    List<Integer> shuffled = new ArrayList<>(List.of(0, 1, 2, 3, 4, 5));
    Collections.shuffle(shuffled, random);
    assertThat(records(batches, shuffled, ranges, -1)).isEqualTo(expected);
    assertThat(records(batches, shuffled, ranges, random.nextInt(6))).isEqualTo(expected);
  }

  /** A device adds when it likes, and what it has added is known only when it is asked. */
  @Property(tries = 100)
  void recordsAndStateDoNotDependOnWhenAnAggregatorAdds(@ForAll long seed) throws Exception {
    FeatureRange range = new FeatureRange(1, 2, LATENTS);
    Random random = new Random(seed);
    Map<String, byte[]> expected = new HashMap<>();
    Map<String, byte[]> actual = new HashMap<>();
    RangeTally plain = tally("s", range, CONFIG);
    RangeTally late = new RangeTally("s", range, CONFIG, new LateAggregator(range));
    for (int b = 0; b < 6; b++) {
      LatentBatch batch = batch(b, randomFirings(random), range);
      plain.add(batch);
      late.add(batch);
      if (random.nextInt(3) == 0) {
        assertThat(late.stateBytes()).isEqualTo(plain.stateBytes());
        plain.saveChanges((key, value) -> expected.put(Arrays.toString(key), value));
        late.saveChanges((key, value) -> actual.put(Arrays.toString(key), value));
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        actual.forEach((key, value) -> assertThat(value).isEqualTo(expected.get(key)));
      }
      if (random.nextInt(3) == 0) {
        for (int latent = range.from(); latent < range.to(); latent++) {
          assertThat(late.record(latent)).isEqualTo(plain.record(latent));
        }
      }
    }
  }

  /** What is appended later may be cut otherwise; so may the whole run with another batch size. */
  @Property(tries = 200)
  void recordsDoNotDependOnWhereBatchesAreCut(@ForAll long seed) throws Exception {
    FeatureRange all = new FeatureRange(0, 1, LATENTS);
    Random random = new Random(seed);
    Map<Integer, Map<Integer, Float>> firings = new HashMap<>();
    List<List<DocumentSpan>> documents = new ArrayList<>();
    for (int b = 0; b < 6; b++) {
      int first = 2 * b * CONTEXT;
      randomFirings(random).forEach((token, latents) -> firings.put(first + token, latents));
      documents.addAll(documents(b));
    }
    RangeTally atOnce = tally("s", all, CONFIG);
    atOnce.add(cut(0, 0, 12, firings, documents));
    atOnce.end(new EndOfStream("r", 1, 12, 12 * CONTEXT));

    RangeTally inPieces = tally("s", all, CONFIG);
    long number = 0;
    int from = 0;
    while (from < 12) {
      int to = Math.min(12, from + 1 + random.nextInt(5));
      inPieces.add(cut(number++, from, to, firings, documents));
      assertThat(inPieces.isComplete()).isFalse();
      if (to == 12 || random.nextBoolean()) {
        inPieces.end(new EndOfStream("r", number++, to, (long) to * CONTEXT));
        assertThat(inPieces.isComplete()).isTrue();
      }
      from = to;
    }
    for (int latent = 0; latent < LATENTS; latent++) {
      assertThat(AvroCodec.FEATURE.encode(inPieces.record(latent)))
          .isEqualTo(AvroCodec.FEATURE.encode(atOnce.record(latent)));
    }
  }

  /** Sequences {@code [from, to)} as one batch; firings by token of the run. */
  private static LatentBatch cut(
      long number,
      int from,
      int to,
      Map<Integer, Map<Integer, Float>> firings,
      List<List<DocumentSpan>> documents) {
    int[] tokens = new int[(to - from) * CONTEXT];
    Map<Integer, Map<Integer, Float>> here = new HashMap<>();
    for (int t = 0; t < tokens.length; t++) {
      tokens[t] = from * CONTEXT + t;
      here.put(t, firings.getOrDefault(tokens[t], Map.of()));
    }
    return batch(
        new TokenBatch("r", number, from, CONTEXT, tokens, documents.subList(from, to)),
        here,
        new FeatureRange(0, 1, LATENTS));
  }

  @Test
  void isCompleteWhenAllUpToTheLastEndIsInAndNothingBeyond() throws Exception {
    FeatureRange all = new FeatureRange(0, 1, LATENTS);
    RangeTally tally = tally("s", all, CONFIG);
    // Each batch has two sequences; number 2 is an end. What was appended overtakes batch 1.
    TokenBatch appended =
        new TokenBatch("r", 3, 4, CONTEXT, new int[2 * CONTEXT], List.of(List.of(), List.of()));
    tally.end(new EndOfStream("r", 2, 4, 4 * CONTEXT));
    tally.add(batch(0, Map.of(), all));
    tally.add(batch(appended, Map.of(), all));
    assertThat(tally.sequences()).isEqualTo(4);
    assertThat(tally.isComplete()).as("sequences 0, 1, 4 and 5 of 4").isFalse();
    tally.end(new EndOfStream("r", 4, 6, 6 * CONTEXT));
    tally.add(batch(1, Map.of(), all));
    assertThat(tally.isComplete()).isTrue();
    tally.end(new EndOfStream("r", 2, 4, 4 * CONTEXT));
    assertThat(tally.isComplete()).as("an earlier end supersedes nothing").isTrue();
    tally.add(batch(4, Map.of(), all));
    assertThat(tally.record(0).getComplete()).as("reopened").isFalse();
  }

  /** Counted the slow and obvious way. */
  @Property(tries = 100)
  void statisticsEqualThoseOfAPlainCount(@ForAll long seed) throws Exception {
    Random random = new Random(seed);
    List<Map<Integer, Map<Integer, Float>>> batches =
        List.of(randomFirings(random), randomFirings(random));
    List<FeatureRecord> records = records(batches, List.of(1, 0), 2, -1);
    double errors = 0;
    int reconstructed = 0;
    for (int token = 0; token < 2 * CONTEXT; token++) {
      for (int b = 0; b < 2; b++) {
        double error = normalizedError(b * 100 + token);
        errors += Double.isNaN(error) ? 0 : error;
        reconstructed += Double.isNaN(error) ? 0 : 1;
      }
    }
    long nonZeros =
        batches.stream().flatMap(batch -> batch.values().stream()).mapToLong(Map::size).sum();
    for (int latent = 0; latent < LATENTS; latent++) {
      List<Float> positive = new ArrayList<>();
      double sum2 = 0;
      Map<Long, Float> best = new HashMap<>();
      for (int b = 0; b < 2; b++) {
        for (Map.Entry<Integer, Map<Integer, Float>> token : batches.get(b).entrySet()) {
          Float value = token.getValue().get(latent);
          if (value != null) {
            sum2 += (double) value * value;
            if (value > 0) {
              positive.add(value);
              best.merge(2L * b + token.getKey() / CONTEXT, value, Math::max);
            }
          }
        }
      }
      FeatureRecord record = records.get(latent);
      assertThat(record.getNonZeros()).isEqualTo(nonZeros);
      assertThat(record.getReconstructedTokens()).isEqualTo(reconstructed);
      assertThat(record.getNormalizedErrors()).isCloseTo(errors, within(1e-9));
      assertThat(record.getActive()).isEqualTo(positive.size());
      assertThat(record.getSum2()).isCloseTo(sum2, Percentage.withPercentage(1e-10));
      assertThat(record.getHistogramCounts().stream().mapToLong(c -> c).sum())
          .isEqualTo(positive.size());
      assertThat(record.getRandom()).hasSize(Math.min(CONFIG.random(), positive.size()));
      assertThat(record.getTop())
          .extracting(Example::getActivation)
          .isEqualTo(
              best.values().stream()
                  .sorted(Collections.reverseOrder())
                  .limit(CONFIG.top())
                  .toList());
      for (Example example : record.getTop()) {
        assertThat(best.get(example.getSequence())).isEqualTo(example.getActivation());
        assertThat(example.getTokens()).hasSize(CONFIG.window());
        assertThat(example.getActivations().get(example.getPosition() - example.getWindowStart()))
            .isEqualTo(example.getActivation());
      }
    }
  }

  /** Labels counted token by token. */
  @Property(tries = 100)
  void labelCountsEqualThoseOfAPlainCount(@ForAll long seed) throws Exception {
    Random random = new Random(seed);
    List<Map<Integer, Map<Integer, Float>>> batches =
        List.of(randomFirings(random), randomFirings(random), randomFirings(random));
    List<FeatureRecord> records = records(batches, List.of(2, 0, 1), 3, 1);
    // What each document counts under, read off LABELS by hand.
    List<String> decades =
        Arrays.asList(null, "1790", "1800", "1800", "-10", null, "unknown", "1790", "0");
    List<String> parties = Arrays.asList(null, "w", "d", "r", null, "d", null, "true", null);
    List<String> ids = Arrays.asList(null, "0", "1", "2", "3", "4", "5", "6", "7");
    List<String> decadesInOrder = List.of("-10", "0", "1790", "1800", "unknown");
    List<String> partiesInOrder = List.of("d", "r", "true", "w");
    for (int latent = 0; latent < LATENTS; latent++) {
      List<LabelCounts> counts = records.get(latent).getLabels();
      assertThat(counts)
          .containsExactly(
              plainCount("year", 10.0, decades, decadesInOrder, batches, latent),
              plainCount("party", null, parties, partiesInOrder, batches, latent),
              plainCount("id", null, ids, ids.subList(1, 9), batches, latent));
    }
  }

  /** Counts by the value of each token's document; leaves out values that do not occur. */
  private static LabelCounts plainCount(
      String field,
      @Nullable Double binWidth,
      List<String> valueOfDocument,
      List<String> order,
      List<Map<Integer, Map<Integer, Float>>> batches,
      int latent) {
    Map<String, Long> tokens = new HashMap<>();
    Map<String, Long> active = new HashMap<>();
    for (int b = 0; b < batches.size(); b++) {
      List<List<DocumentSpan>> documents = documents(b);
      for (int token = 0; token < 2 * CONTEXT; token++) {
        int position = token % CONTEXT;
        String value = null;
        for (DocumentSpan span : documents.get(token / CONTEXT)) {
          if (span.start() <= position) {
            value = valueOfDocument.get((int) span.document());
          }
        }
        if (value != null) {
          boolean fires = batches.get(b).get(token).getOrDefault(latent, 0f) > 0;
          tokens.merge(value, 1L, Long::sum);
          active.merge(value, fires ? 1L : 0L, Long::sum);
        }
      }
    }
    List<String> values = order.stream().filter(tokens::containsKey).toList();
    return new LabelCounts(
        field,
        binWidth,
        values,
        values.stream().map(active::get).toList(),
        values.stream().map(tokens::get).toList());
  }

  /** 2005 values, each of one token on which latent 0 fires: the first 1000 stay, in any order. */
  @Test
  void valuesBeyondTheFirstThousandAreOneWhateverTheirOrder() throws Exception {
    List<Integer> order = new ArrayList<>();
    for (int b = 0; b < 401; b++) {
      order.add(b);
    }
    List<String> firstThousand = new ArrayList<>();
    for (int v = 0; v < 1000; v++) {
      firstThousand.add(Integer.toString(v));
    }
    firstThousand.add("…other");
    List<Long> counts = new ArrayList<>(Collections.nCopies(1000, 1L));
    counts.add(1005L);
    for (int round = 0; round < 4; round++) {
      TallyConfig config =
          new TallyConfig(0, 0, 1, 0, List.of(LabelField.parse("x"), LabelField.parse("v")));
      RangeTally tally = tally("s", new FeatureRange(0, 1, 1), config);
      Map<String, byte[][]> changelog = new HashMap<>();
      for (int b : order) {
        tally.add(fiveDocuments(b));
        if (b % 50 == 0) {
          tally.saveChanges(
              (key, value) -> changelog.put(Arrays.toString(key), new byte[][] {key, value}));
          RangeTally restarted = tally("s", new FeatureRange(0, 1, 1), config);
          changelog.values().forEach(entry -> restarted.restore(entry[0], entry[1]));
          tally = restarted;
        }
      }
      assertThat(tally.record(0).getLabels())
          .containsExactly(
              new LabelCounts("x", null, List.of(), List.of(), List.of()),
              new LabelCounts("v", null, firstThousand, counts, counts));
      if (round == 0) {
        Collections.reverse(order);
      } else {
        Collections.shuffle(order, new Random(round));
      }
    }
  }

  /** Values 5b to 5b + 4, one token each. */
  private static LatentBatch fiveDocuments(int number) {
    List<DocumentSpan> spans = new ArrayList<>();
    for (int t = 0; t < 5; t++) {
      spans.add(new DocumentSpan(t, 5L * number + t, 0, "{\"v\":%d}".formatted(5 * number + t)));
    }
    return new LatentBatch(
        new TokenBatch("r", number, number, 5, new int[5], List.of(spans)),
        "s",
        new FeatureRange(0, 1, 1),
        EncodingSummary.withoutDecoder(0, 5),
        new int[] {0, 1, 2, 3, 4, 5},
        new int[5],
        new float[] {1, 1, 1, 1, 1});
  }

  /** A batch does not say which of its tokens were not finite. */
  @Test
  void tokensThatWereNotFiniteCountAmongTheirLabels() throws Exception {
    FeatureRange one = new FeatureRange(0, 1, 1);
    RangeTally tally = tally("s", one, new TallyConfig(0, 0, 1, 0, List.of(LabelField.parse("v"))));
    tally.add(
        new LatentBatch(
            new TokenBatch(
                "r", 0, 0, 3, new int[3], List.of(List.of(new DocumentSpan(1, 0, 0, "{\"v\":2}")))),
            "s",
            one,
            EncodingSummary.withoutDecoder(1, 2),
            new int[] {0, 1, 2, 2},
            new int[2],
            new float[] {1, 1}));
    assertThat(tally.record(0).getTokens()).isEqualTo(2);
    assertThat(tally.record(0).getLabels())
        .containsExactly(new LabelCounts("v", null, List.of("2"), List.of(1L), List.of(2L)));
  }

  @Test
  void aBatchWhoseLabelsCannotBeReadIsRefusedWhole() throws Exception {
    FeatureRange one = new FeatureRange(0, 1, 1);
    RangeTally tally = tally("s", one, new TallyConfig(0, 0, 1, 0, List.of(LabelField.parse("v"))));
    for (String labels : List.of("[1]", "{\"v\":1", "", "{\"v\":NaN}")) {
      LatentBatch batch =
          new LatentBatch(
              new TokenBatch(
                  "r",
                  0,
                  0,
                  2,
                  new int[2],
                  List.of(
                      List.of(
                          new DocumentSpan(0, 0, 0, "{\"v\":2}"),
                          new DocumentSpan(1, 1, 0, labels)))),
              "s",
              one,
              EncodingSummary.withoutDecoder(0, 2),
              new int[] {0, 1, 2},
              new int[2],
              new float[] {1, 1});
      assertThatThrownBy(() -> tally.add(batch))
          .isInstanceOf(MalformedMessageException.class)
          .hasMessageStartingWith("labels of a document: " + labels + " (expected: a JSON object)");
    }
    assertThat(tally.batches()).isZero();
    assertThat(tally.record(0).getLabels())
        .containsExactly(new LabelCounts("v", null, List.of(), List.of(), List.of()));
  }

  /** Each firing is drawn with the same chance, whatever its place or value. */
  @Test
  void theRandomSampleIsUniform() throws Exception {
    int[] drawn = new int[CONTEXT];
    int seeds = 4000;
    for (int seed = 0; seed < seeds; seed++) {
      RangeTally tally =
          tally("s", new FeatureRange(0, 1, LATENTS), new TallyConfig(0, 2, 5, seed, List.of()));
      Map<Integer, Map<Integer, Float>> firings = new HashMap<>();
      for (int position = 0; position < CONTEXT; position++) {
        firings.put(position, Map.of(3, 1f + position));
      }
      tally.add(batch(0, firings, new FeatureRange(0, 1, LATENTS)));
      for (Example example : tally.record(3).getRandom()) {
        drawn[example.getPosition()]++;
      }
    }
    double expected = 2.0 * seeds / CONTEXT;
    double chiSquare = 0;
    for (int count : drawn) {
      chiSquare += (count - expected) * (count - expected) / expected;
    }
    assertThat(Arrays.stream(drawn).sum()).isEqualTo(2 * seeds);
    // 6 degrees of freedom: beyond 22.5 once in a thousand.
    assertThat(chiSquare).isLessThan(22.5);
  }

  /** The records of all latents, from tallies of {@code ranges} ranges. */
  private static List<FeatureRecord> records(
      List<Map<Integer, Map<Integer, Float>>> batches,
      List<Integer> order,
      int ranges,
      int restartAfter)
      throws MalformedMessageException {
    List<FeatureRecord> records = new ArrayList<>();
    for (int r = 0; r < ranges; r++) {
      FeatureRange range = new FeatureRange(r, ranges, LATENTS);
      RangeTally tally = tally("s", range, CONFIG);
      Map<String, byte[][]> changelog = new HashMap<>();
      for (int i = 0; i < order.size(); i++) {
        tally.add(batch(order.get(i), batches.get(order.get(i)), range));
        tally.saveChanges(
            (key, value) -> changelog.put(Arrays.toString(key), new byte[][] {key, value}));
        if (i == restartAfter) {
          RangeTally restarted = tally("s", range, CONFIG);
          changelog.values().forEach(entry -> restarted.restore(entry[0], entry[1]));
          tally = restarted;
        }
      }
      for (int latent = range.from(); latent < range.to(); latent++) {
        records.add(tally.record(latent));
      }
    }
    return records;
  }

  private static RangeTally tally(String sae, FeatureRange range, TallyConfig config) {
    return new RangeTally(sae, range, config, new CpuLatentAggregator(range.from(), range.size()));
  }

  private static Map<Integer, Map<Integer, Float>> randomFirings(Random random) {
    Map<Integer, Map<Integer, Float>> firings = new HashMap<>();
    for (int token = 0; token < 2 * CONTEXT; token++) {
      Map<Integer, Float> latents = new HashMap<>();
      for (int latent = 0; latent < LATENTS; latent++) {
        if (random.nextInt(3) == 0) {
          // Few distinct values, so that ties happen; some negative, as Identity has.
          latents.put(latent, random.nextInt(8) == 0 ? -0.3f : 0.1f * (1 + random.nextInt(30)));
        }
      }
      firings.put(token, latents);
    }
    return firings;
  }

  /**
   * Where documents lie in a batch's two sequences, by the batch's number alone: some tokens before
   * the first, some documents without a field.
   */
  private static List<List<DocumentSpan>> documents(long number) {
    Random random = new Random(number);
    List<List<DocumentSpan>> rows = new ArrayList<>();
    for (int row = 0; row < 2; row++) {
      List<DocumentSpan> spans = new ArrayList<>();
      int start = random.nextInt(3);
      while (start < CONTEXT) {
        int document = random.nextInt(9);
        spans.add(new DocumentSpan(start, document, 0, LABELS.get(document)));
        start += 1 + random.nextInt(CONTEXT);
      }
      rows.add(spans);
    }
    return rows;
  }

  /** Any; every seventh token has none. */
  private static double normalizedError(int token) {
    return token % 7 == 0 ? Double.NaN : Math.exp(token % 11 * 0.37 - 3);
  }

  /** A batch of two sequences; firings by token, then latent, cut to one range. */
  private static LatentBatch batch(
      long number, Map<Integer, Map<Integer, Float>> firings, FeatureRange range) {
    int[] tokens = new int[2 * CONTEXT];
    Arrays.setAll(tokens, t -> (int) (number * 100 + t));
    return batch(
        new TokenBatch("r", number, 2 * number, CONTEXT, tokens, documents(number)),
        firings,
        range);
  }

  private static LatentBatch batch(
      TokenBatch batch, Map<Integer, Map<Integer, Float>> firings, FeatureRange range) {
    int[] tokens = batch.tokens();
    int[] offsets = new int[tokens.length + 1];
    List<Integer> latents = new ArrayList<>();
    List<Float> values = new ArrayList<>();
    for (int t = 0; t < tokens.length; t++) {
      Map<Integer, Float> of = firings.getOrDefault(t, Map.of());
      for (int latent = range.from(); latent < range.to(); latent++) {
        if (of.containsKey(latent)) {
          latents.add(latent);
          values.add(of.get(latent));
        }
      }
      offsets[t + 1] = latents.size();
    }
    float[] valueArray = new float[values.size()];
    for (int i = 0; i < valueArray.length; i++) {
      valueArray[i] = values.get(i);
    }
    return new LatentBatch(
        batch,
        "s",
        range,
        EncodingSummary.of(
            0,
            firings.values().stream().mapToLong(Map::size).sum(),
            Arrays.stream(tokens).mapToDouble(RangeTallyTest::normalizedError).toArray()),
        offsets,
        latents.stream().mapToInt(Integer::intValue).toArray(),
        valueArray);
  }

  /** Adds nothing before its statistics are asked for. */
  private static final class LateAggregator implements LatentAggregator {
    private final CpuLatentAggregator sorting;
    private final CpuLatentAggregator counting;
    private final List<SparseLatents> waiting = new ArrayList<>();

    LateAggregator(FeatureRange range) {
      this.sorting = new CpuLatentAggregator(range.from(), range.size());
      this.counting = new CpuLatentAggregator(range.from(), range.size());
    }

    @Override
    public void add(SparseLatents batch, int contextLength, SequenceVisitor visitor) {
      assertThat(contextLength).isEqualTo(CONTEXT);
      sorting.add(batch, contextLength, visitor);
      waiting.add(batch);
    }

    @Override
    public EntriesByLatent entries() {
      return sorting.entries();
    }

    @Override
    public LatentStatistics statistics() {
      waiting.forEach(batch -> counting.add(batch, CONTEXT, (latent, from, to) -> {}));
      waiting.clear();
      return counting.statistics();
    }

    @Override
    public void close() {}
  }
}
