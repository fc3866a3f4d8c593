// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.saeflow.kernels.sae.SparseLatents;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class CpuLatentAggregatorTest {
  @Test
  void countsAndSums() {
    // Two sequences of two tokens; latents 10 to 12.
    CpuLatentAggregator aggregator = new CpuLatentAggregator(10, 3);
    aggregator.add(
        new SparseLatents(
            0,
            new int[] {0, 2, 3, 4, 4},
            new int[] {10, 12, 12, 12},
            new float[] {0.25f, 3, -2, 0.5f}),
        2,
        RandomBatches.NO_VISITOR);
    LatentStatistics statistics = aggregator.statistics();

    assertThat(statistics.active(0)).isEqualTo(1);
    assertThat(statistics.active(1)).isZero();
    assertThat(statistics.active(2)).isEqualTo(2);
    assertThat(statistics.max(0)).isEqualTo(0.25f);
    assertThat(statistics.max(2)).isEqualTo(3);
    assertThat(powerSums(statistics, 0)).containsExactly(0.25, 0.0625, 0.015625, 0.00390625);
    assertThat(powerSums(statistics, 1)).containsExactly(0, 0, 0, 0);
    assertThat(powerSums(statistics, 2)).containsExactly(1.5, 13.25, 19.125, 97.0625);
    assertThat(statistics.bins(2)).containsExactly(3, 15);
    assertThat(statistics.binCounts(2)).containsExactly(1L, 1L);
  }

  @Test
  void regroupsEntriesByLatentAndToken() {
    CpuLatentAggregator aggregator = new CpuLatentAggregator(4, 3);
    aggregator.add(
        new SparseLatents(
            0, new int[] {0, 2, 2, 4}, new int[] {4, 6, 5, 6}, new float[] {1, 2, 3, 4}),
        3,
        RandomBatches.NO_VISITOR);
    EntriesByLatent entries = aggregator.entries();

    assertThat(List.of(entries.start(0), entries.start(1), entries.start(2), entries.start(3)))
        .containsExactly(0, 1, 2, 4);
    assertThat(List.of(entries.token(0), entries.token(1), entries.token(2), entries.token(3)))
        .containsExactly(0, 2, 0, 2);
    assertThat(List.of(entries.value(0), entries.value(1), entries.value(2), entries.value(3)))
        .containsExactly(1f, 3f, 2f, 4f);
  }

  @Test
  void visitsEachLatentInEachSequenceWithItsEntriesThere() {
    CpuLatentAggregator aggregator = new CpuLatentAggregator(0, 3);
    List<List<Integer>> visits = new ArrayList<>();
    aggregator.add(
        new SparseLatents(
            0,
            new int[] {0, 1, 3, 3, 4, 5, 6},
            new int[] {0, 0, 2, 0, 2, 2},
            new float[] {1, 1, 1, 1, 1, 1}),
        2,
        (latent, from, to) -> visits.add(List.of(latent, from, to)));

    // Latent 0 on tokens 0, 1 and 3; latent 2 on tokens 1, 4 and 5.
    assertThat(visits)
        .containsExactly(List.of(0, 0, 2), List.of(0, 2, 3), List.of(2, 3, 4), List.of(2, 4, 6));
  }

  @Test
  void binsAreCeilingsInFloat32() {
    assertThat(LatentStatistics.bin(0.2f)).isEqualTo(1);
    assertThat(LatentStatistics.bin(Math.nextUp(0.2f))).isEqualTo(2);
    assertThat(LatentStatistics.bin(0.4f)).isEqualTo(2);
    // 0.6f / 0.2f is 3.0000000745, which float32 rounds to 3; float64 would make it bin 4.
    assertThat(LatentStatistics.bin(0.6f)).isEqualTo(3);
    assertThat(LatentStatistics.bin(1e-20f)).isEqualTo(1);
    assertThat(LatentStatistics.bin(Float.MAX_VALUE)).isEqualTo(Integer.MAX_VALUE);
    assertThat(LatentStatistics.bin(Float.NaN)).isZero();
  }

  @Test
  void valuesThatAreNotFiniteMakeSumsNaNAndNothingElse() {
    CpuLatentAggregator aggregator = new CpuLatentAggregator(0, 3);
    aggregator.add(
        new SparseLatents(
            0,
            new int[] {0, 6},
            new int[] {0, 0, 1, 1, 2, 2},
            new float[] {Float.NaN, 2, Float.NEGATIVE_INFINITY, 2, 1e20f, 2}),
        1,
        RandomBatches.NO_VISITOR);
    LatentStatistics statistics = aggregator.statistics();

    assertThat(statistics.active(0)).isEqualTo(1);
    assertThat(statistics.max(0)).isEqualTo(2);
    assertThat(powerSums(statistics, 0)).containsOnly(Double.NaN);
    assertThat(statistics.active(1)).isEqualTo(1);
    assertThat(powerSums(statistics, 1)).containsOnly(Double.NaN);
    // 1e40 is beyond 2^127, 1e20 is not.
    assertThat(statistics.powerSum(2, 1)).isEqualTo((double) 1e20f + 2);
    assertThat(statistics.powerSum(2, 2)).isNaN();
  }

  /** A sequence is added in float64, in order; all of them exactly. */
  @Property(tries = 50)
  void sumsAreOfSequencesInOrderThenExact(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 40) int contextLength) {
    Random random = new Random(seed);
    int sequences = 4;
    float[] values = new float[sequences * contextLength];
    BigDecimal[] exact = new BigDecimal[LatentStatistics.POWERS];
    Arrays.fill(exact, BigDecimal.ZERO);
    for (int s = 0; s < sequences; s++) {
      double[] sums = new double[LatentStatistics.POWERS];
      for (int i = s * contextLength; i < (s + 1) * contextLength; i++) {
        values[i] = (float) (random.nextGaussian() * 5);
        double v = values[i];
        sums[0] += v;
        sums[1] += v * v;
        sums[2] += v * v * v;
        sums[3] += v * v * (v * v);
      }
      for (int p = 0; p < sums.length; p++) {
        exact[p] = exact[p].add(roundedToFixedPoint(sums[p]));
      }
    }
    int[] offsets = new int[values.length + 1];
    Arrays.setAll(offsets, t -> t);
    CpuLatentAggregator aggregator = new CpuLatentAggregator(0, 1);
    aggregator.add(
        new SparseLatents(0, offsets, new int[values.length], values),
        contextLength,
        RandomBatches.NO_VISITOR);

    assertThat(powerSums(aggregator.statistics(), 0))
        .containsExactly(Arrays.stream(exact).mapToDouble(BigDecimal::doubleValue).toArray());
  }

  @Property(tries = 50)
  void nothingDependsOnTheOrderOfBatches(@ForAll long seed) {
    int latents = 30;
    RandomBatches random = new RandomBatches(new Random(seed), 7, latents, 6);
    List<SparseLatents> batches = new ArrayList<>();
    CpuLatentAggregator forward = new CpuLatentAggregator(7, latents);
    CpuLatentAggregator backward = new CpuLatentAggregator(7, latents);
    for (int i = 0; i < 4; i++) {
      batches.add(random.next(2));
      forward.add(batches.get(i), 6, RandomBatches.NO_VISITOR);
    }
    for (int i = 3; i >= 0; i--) {
      backward.add(batches.get(i), 6, RandomBatches.NO_VISITOR);
    }

    for (int f = 0; f < latents; f++) {
      assertThat(bytes(backward.statistics(), f)).isEqualTo(bytes(forward.statistics(), f));
    }
  }

  @Test
  void refusesALatentOfAnotherRange() {
    CpuLatentAggregator aggregator = new CpuLatentAggregator(3, 2);
    for (int latent : new int[] {2, 5}) {
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(
              () ->
                  aggregator.add(
                      new SparseLatents(0, new int[] {0, 1}, new int[] {latent}, new float[] {1}),
                      1,
                      RandomBatches.NO_VISITOR));
    }
  }

  private static BigDecimal roundedToFixedPoint(double value) {
    BigDecimal unit = BigDecimal.ONE.divide(BigDecimal.valueOf(2).pow(96));
    return new BigDecimal(value).divide(unit).setScale(0, RoundingMode.HALF_UP).multiply(unit);
  }

  private static double[] powerSums(LatentStatistics statistics, int latent) {
    double[] sums = new double[LatentStatistics.POWERS];
    Arrays.setAll(sums, p -> statistics.powerSum(latent, p + 1));
    return sums;
  }

  private static byte[] bytes(LatentStatistics statistics, int latent) {
    ByteBuffer out = ByteBuffer.allocate(statistics.bytes(latent));
    statistics.writeTo(out, latent);
    return out.array();
  }
}
