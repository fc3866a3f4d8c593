// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.saeflow.kernels.aggregate.CpuLatentAggregator;
import io.saeflow.kernels.aggregate.EntriesByLatent;
import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.aggregate.LatentStatistics;
import io.saeflow.kernels.aggregate.RandomBatches;
import io.saeflow.kernels.sae.SparseLatents;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What aggregating with CUDA gives, on whichever device a subclass opens. */
abstract class CudaLatentAggregatorContract {
  /** The device of all tests of a class. */
  abstract CudaDevice device();

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 700", "2, 3", "16, 64", "17, 1", "300, 40", "5000, 7", "9000, 128"})
  void equalsTheProcessor(int latents, int contextLength) {
    Random random = new Random(latents + contextLength);
    int firstLatent = random.nextInt(3) * latents;
    RandomBatches batches = new RandomBatches(random, firstLatent, latents, contextLength);
    LatentAggregator expected = new CpuLatentAggregator(firstLatent, latents);
    try (LatentAggregator actual = CudaLatentAggregator.open(device(), firstLatent, latents)) {
      for (int sequences : new int[] {1, 0, 5, 2, 3}) {
        SparseLatents batch = batches.next(sequences);
        List<List<Integer>> expectedVisits = new ArrayList<>();
        List<List<Integer>> actualVisits = new ArrayList<>();
        expected.add(
            batch, contextLength, (f, from, to) -> expectedVisits.add(List.of(f, from, to)));
        actual.add(batch, contextLength, (f, from, to) -> actualVisits.add(List.of(f, from, to)));
        assertThat(actualVisits).isEqualTo(expectedVisits);
        assertEntriesAgree(expected.entries(), actual.entries(), latents);
        if (sequences != 5) {
          assertStatisticsAgree(expected, actual, latents);
        }
      }
    }
    assertThat(device().liveAllocations()).isZero();
  }

  /** What either has saved, either can go on from. */
  @Test
  void goesOnFromWhatTheProcessorSavedAndTheOtherWayRound() {
    int latents = 60;
    int contextLength = 9;
    RandomBatches batches = new RandomBatches(new Random(8), 0, latents, contextLength);
    LatentAggregator uninterrupted = new CpuLatentAggregator(0, latents);
    LatentAggregator current = new CpuLatentAggregator(0, latents);
    for (int round = 0; round < 5; round++) {
      try (LatentAggregator saved = current) {
        SparseLatents batch = batches.next(3);
        uninterrupted.add(batch, contextLength, RandomBatches.NO_VISITOR);
        saved.add(batch, contextLength, RandomBatches.NO_VISITOR);
        current =
            round % 2 == 0
                ? CudaLatentAggregator.open(device(), 0, latents)
                : new CpuLatentAggregator(0, latents);
        for (int f = 0; f < latents; f++) {
          current.statistics().readFrom(ByteBuffer.wrap(bytes(saved.statistics(), f)), f);
        }
      }
      assertStatisticsAgree(uninterrupted, current, latents);
    }
    current.close();
    assertThat(device().liveAllocations()).isZero();
  }

  /** Restoring replaces what was added and is still on the device. */
  @Test
  void whatIsRestoredReplacesWhatWasAdded() {
    RandomBatches batches = new RandomBatches(new Random(4), 0, 5, 6);
    LatentAggregator other = new CpuLatentAggregator(0, 5);
    other.add(batches.next(2), 6, RandomBatches.NO_VISITOR);
    try (LatentAggregator aggregator = CudaLatentAggregator.open(device(), 0, 5)) {
      aggregator.add(batches.next(2), 6, RandomBatches.NO_VISITOR);
      for (int f = 0; f < 5; f++) {
        aggregator.statistics().readFrom(ByteBuffer.wrap(bytes(other.statistics(), f)), f);
      }
      assertStatisticsAgree(other, aggregator, 5);
    }
  }

  /** The device's counts have 32 bits. */
  @Test
  void readsTheTotalsBeforeTheyOverflow() {
    int contextLength = 30;
    RandomBatches batches = new RandomBatches(new Random(5), 0, 20, contextLength);
    LatentAggregator expected = new CpuLatentAggregator(0, 20);
    int entries = 0;
    try (CudaLatentAggregator actual = CudaLatentAggregator.open(device(), 0, 20, 500)) {
      for (int i = 0; i < 8; i++) {
        SparseLatents batch = batches.next(2);
        entries += batch.latents().length;
        expected.add(batch, contextLength, RandomBatches.NO_VISITOR);
        actual.add(batch, contextLength, RandomBatches.NO_VISITOR);
        assertThat(actual.unread()).isLessThanOrEqualTo(500);
      }
      assertThat(entries).isGreaterThan(500);
      assertStatisticsAgree(expected, actual, 20);
    }
  }

  @Test
  void refusesALatentOfAnotherRange() {
    try (LatentAggregator aggregator = CudaLatentAggregator.open(device(), 10, 5)) {
      for (int latent : new int[] {9, 15}) {
        SparseLatents batch =
            new SparseLatents(0, new int[] {0, 1}, new int[] {latent}, new float[] {1});
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
            .isThrownBy(() -> aggregator.add(batch, 1, RandomBatches.NO_VISITOR));
      }
      assertStatisticsAgree(new CpuLatentAggregator(10, 5), aggregator, 5);
    }
  }

  private static void assertEntriesAgree(
      EntriesByLatent expected, EntriesByLatent actual, int latents) {
    for (int f = 0; f <= latents; f++) {
      assertThat(actual.start(f)).isEqualTo(expected.start(f));
    }
    for (int i = 0; i < expected.start(latents); i++) {
      assertThat(actual.token(i)).isEqualTo(expected.token(i));
      assertThat(Float.floatToRawIntBits(actual.value(i)))
          .isEqualTo(Float.floatToRawIntBits(expected.value(i)));
    }
  }

  private static void assertStatisticsAgree(
      LatentAggregator expected, LatentAggregator actual, int latents) {
    for (int f = 0; f < latents; f++) {
      assertThat(bytes(actual.statistics(), f))
          .as("latent %d", f)
          .isEqualTo(bytes(expected.statistics(), f));
    }
  }

  private static byte[] bytes(LatentStatistics statistics, int latent) {
    ByteBuffer out = ByteBuffer.allocate(statistics.bytes(latent));
    statistics.writeTo(out, latent);
    assertThat(out.hasRemaining()).isFalse();
    return out.array();
  }
}
