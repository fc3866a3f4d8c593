// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.aggregate.LatentStatistics;
import io.saeflow.kernels.sae.SparseLatents;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What CUDA statistics of latents are, on whichever device a subclass opens. */
abstract class CudaLatentStatisticsContract {
  /** The device of all tests of a class. */
  abstract CudaDevice device();

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 16, 17, 300, 5000})
  void equalThePlainOnes(int latents) {
    Random random = new Random(latents);
    int bins = 1 + random.nextInt(30);
    LatentStatistics expected = new LatentStatistics(latents, bins);
    try (CudaLatentStatistics actual = CudaLatentStatistics.open(device(), latents, bins)) {
      for (int tokens : new int[] {3, 0, 1, 400, 128}) {
        SparseLatents batch = batch(random, latents, tokens);
        expected.add(batch);
        actual.add(batch);
      }
      LatentStatistics copy = actual.read();
      assertThat(copy.powerSums()).isEqualTo(expected.powerSums());
      assertThat(copy.active()).isEqualTo(expected.active());
      assertThat(copy.largest()).isEqualTo(expected.largest());
      assertThat(copy.histogram()).isEqualTo(expected.histogram());
    }
    assertThat(device().liveAllocations()).isZero();
  }

  /** Every token has up to eight latents, a few of which are far more common than the others. */
  private static SparseLatents batch(Random random, int latents, int tokens) {
    int[] offsets = new int[tokens + 1];
    int[] entries = new int[8 * tokens];
    float[] values = new float[8 * tokens];
    int count = 0;
    for (int t = 0; t < tokens; t++) {
      int previous = -1;
      for (int i = 0; i < 8; i++) {
        int latent = previous + 1 + (int) (latents * Math.pow(random.nextDouble(), 6));
        if (latent >= latents) {
          break;
        }
        entries[count] = latent;
        values[count++] = (float) (random.nextGaussian() * 3 + 1);
        previous = latent;
      }
      offsets[t + 1] = count;
    }
    return new SparseLatents(
        0, offsets, Arrays.copyOf(entries, count), Arrays.copyOf(values, count));
  }
}
