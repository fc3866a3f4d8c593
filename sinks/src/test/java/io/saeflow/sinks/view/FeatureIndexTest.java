// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.sinks.Fixtures;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FeatureIndexTest {
  @Test
  void summarisesARecordWithoutMakingIt() throws Exception {
    FeatureRecord record = ViewFixture.labelled(2);
    RecordSummary summary = new SummaryReader(3).read(AvroCodec.FEATURE.encode(record));
    assertThat(summary.latent()).isEqualTo(2);
    assertThat(summary.complete()).isTrue();
    assertThat(summary.tokens()).isEqualTo(5);
    assertThat(summary.active()).isEqualTo(2);
    assertThat(summary.max()).isEqualTo(4f);
    assertThat(summary.sum1()).isEqualTo(6);
    assertThat(summary.topTokens()).containsExactly(11);
    assertThat(summary.drifts()).hasSize(1);
    assertThat(summary.drifts().get(0).field()).isEqualTo("year");
    // The next record must not see the tokens of this one.
    assertThat(
            new SummaryReader(3)
                .read(AvroCodec.FEATURE.encode(Fixtures.dead(0).build()))
                .topTokens())
        .isEmpty();
  }

  @Test
  void refusesWhatIsNoRecordOfThisAutoencoder() {
    SummaryReader reader = new SummaryReader(3);
    assertThatThrownBy(() -> reader.read(AvroCodec.FEATURE.encode(Fixtures.dead(3).build())))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessage("latent: 3 (expected: 0 to 2)");
    assertThatThrownBy(() -> reader.read(new byte[] {1, 2, 3}))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessageStartingWith("Avro record: ");
    byte[] torn = AvroCodec.FEATURE.encode(Fixtures.twoAndFour(0).build());
    assertThatThrownBy(() -> reader.read(java.util.Arrays.copyOf(torn, torn.length - 3)))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessageStartingWith("Avro record: ");
  }

  @Test
  void ranksTokensByTheirMeanOverAllOccurrences() {
    TokenMeans means = new TokenMeans();
    // Token 7: (4 + 0) / 2; token 8: 3 / 1; token 9: 2 / 1, more rarely than 7; token 1 never.
    means.add(7, 4);
    means.add(7, 0);
    means.add(8, 3);
    means.add(9, 2);
    means.add(1, 0);
    assertThat(means.strongest(9))
        .containsExactly(
            new TokenMeans.TokenMean(8, 3, 1),
            new TokenMeans.TokenMean(7, 2, 2),
            new TokenMeans.TokenMean(9, 2, 1));
    assertThat(means.strongest(1)).hasSize(1);
    means.clear();
    for (int round = 0; round < 2; round++) {
      for (int token = 0; token < 5000; token++) {
        means.add(token * 64, token + round);
      }
    }
    assertThat(means.strongest(2))
        .containsExactly(
            new TokenMeans.TokenMean(4999 * 64, 4999.5, 2),
            new TokenMeans.TokenMean(4998 * 64, 4998.5, 2));
  }

  @Test
  void countsOnlyTopSequencesForTopTokens() throws Exception {
    Example top = Fixtures.example(1, 1, 1, 1f, 3f);
    Example random = Fixtures.example(2, 2, 2, 0f, 0f, 9f);
    FeatureRecord record =
        Fixtures.twoAndFour(0).setTop(List.of(top, top)).setRandom(List.of(random)).build();
    assertThat(TokenMeans.of(record).strongest(5))
        .extracting(TokenMeans.TokenMean::token)
        .containsExactly(11, 10);
    assertThat(new SummaryReader(1).read(AvroCodec.FEATURE.encode(record)).topTokens())
        .containsExactly(11, 10);
  }

  @Test
  void drawsSmallCountsTowardsTheWhole() {
    // Overall density 11/1010; "b" never fired, but has 10 tokens only, and is drawn far.
    LabelDrift drift =
        LabelDrift.of(
                "f", List.of("a", "b", "…other"), new long[] {11, 0, 5}, new long[] {1000, 10, 5})
            .orElseThrow();
    double prior = 5 * 1010 / 11.0;
    double a = 16 / (1000 + prior);
    double b = 5 / (10 + prior);
    assertThat(drift.score()).isCloseTo(Math.log(a / b) / Math.log(2), within(1e-12));
    assertThat(drift.low()).isEqualTo(new LabelDrift.ValueDensity("b", 0));
    assertThat(drift.high()).isEqualTo(new LabelDrift.ValueDensity("a", 0.011));
    assertThat(LabelDrift.of("f", List.of("a", "…other"), new long[] {1, 0}, new long[] {9, 9}))
        .isEmpty();
    assertThat(LabelDrift.of("f", List.of("a", "b"), new long[] {0, 0}, new long[] {9, 9}))
        .isEmpty();
  }

  @Test
  void keepsEachVersionsEstimateOnce() {
    FeatureIndex index = new FeatureIndex(2);
    index.put(summary(1, 10, 5, 1), 100, 7);
    index.put(summary(1, 20, 6, 1), 200, 8);
    index.put(summary(1, 20, 6, 1), 300, 9); // sent again after a restart
    assertThat(index.history(1))
        .containsExactly(
            new FeatureIndex.Estimate(10, 0.5, 0.1), new FeatureIndex.Estimate(20, 0.3, 0.05));
    assertThat(index.place(1)).hasValue(new FeatureIndex.Place(300, 9));
    assertThat(index.place(0)).isEmpty();
    assertThat(index.neighbour(1, -1)).isEmpty();
    assertThat(index.tokens()).isEqualTo(20);
  }

  @Test
  void sortsAsComparatorsDo() {
    Random random = new Random(5);
    FeatureIndex index = new FeatureIndex(3000);
    List<RecordSummary> all = new ArrayList<>();
    for (int latent = 0; latent < 3000; latent += 1 + random.nextInt(2)) {
      long active = random.nextInt(4);
      RecordSummary summary = summary(latent, 1 + random.nextInt(9), active, random.nextInt(5));
      all.add(summary);
      index.put(summary, 0, 1);
    }
    Comparator<RecordSummary> byIndex = Comparator.comparingInt(RecordSummary::latent);
    Comparator<RecordSummary> byMax = Comparator.comparingDouble(RecordSummary::max);
    Comparator<RecordSummary> byDensity =
        Comparator.comparingDouble(s -> (double) s.active() / s.tokens());
    Comparator<RecordSummary> byMean =
        Comparator.comparingDouble(s -> s.active() == 0 ? 0 : s.sum1() / s.active());
    Comparator<RecordSummary> withoutMeanLast = Comparator.comparing(s -> s.active() == 0);
    check(index, FeatureIndex.Sort.MAX, FeatureIndex.Order.ASC, all, byMax.thenComparing(byIndex));
    check(
        index,
        FeatureIndex.Sort.MAX,
        FeatureIndex.Order.DESC,
        all,
        byMax.reversed().thenComparing(byIndex));
    check(
        index,
        FeatureIndex.Sort.DENSITY,
        FeatureIndex.Order.DESC,
        all,
        byDensity.reversed().thenComparing(byIndex));
    check(
        index,
        FeatureIndex.Sort.MEAN,
        FeatureIndex.Order.DESC,
        all,
        withoutMeanLast.thenComparing(byMean.reversed()).thenComparing(byIndex));
    check(
        index,
        FeatureIndex.Sort.MEAN,
        FeatureIndex.Order.ASC,
        all,
        withoutMeanLast.thenComparing(byMean).thenComparing(byIndex));
  }

  private static void check(
      FeatureIndex index,
      FeatureIndex.Sort sort,
      FeatureIndex.Order order,
      List<RecordSummary> all,
      Comparator<RecordSummary> expected) {
    FeatureIndex.Page page =
        index.page(
            new FeatureIndex.Query(
                sort, order, -1, Optional.empty(), FeatureIndex.Alive.ANY, -1, 9, 0, 9999));
    assertThat(page.rows().stream().map(FeatureIndex.Row::index))
        .isEqualTo(all.stream().sorted(expected).map(RecordSummary::latent).toList());
  }

  private static RecordSummary summary(int latent, long tokens, long active, double sum1) {
    return new RecordSummary(
        latent,
        false,
        new EncodingStatistics(tokens, 0, 0, 0, 0),
        active,
        (float) sum1,
        sum1,
        List.of(),
        List.of());
  }
}
