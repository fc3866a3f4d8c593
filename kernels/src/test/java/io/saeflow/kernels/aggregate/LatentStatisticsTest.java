// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.saeflow.kernels.sae.SparseLatents;
import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LatentStatisticsTest {
  @Test
  void countsAndSums() {
    LatentStatistics statistics = new LatentStatistics(3, 4);
    statistics.add(
        new SparseLatents(0, new int[] {0, 2, 3}, new int[] {0, 2, 2}, new float[] {0.25f, 3, -2}));
    statistics.add(new SparseLatents(1, new int[] {0, 0, 1}, new int[] {2}, new float[] {0.5f}));
    assertThat(statistics.active()).containsExactly(1, 0, 2);
    assertThat(statistics.largest()).containsExactly(0.25f, 0, 3);
    assertThat(statistics.powerSums())
        .containsExactly(
            0.25, 0.0625, 0.015625, 0.00390625, 0, 0, 0, 0, 1.5, 13.25, 19.125, 97.0625);
    assertThat(statistics.histogram()).containsExactly(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1);
  }

  @Test
  void aValueOnABinsEdgeBelongsToTheBinBelow() {
    LatentStatistics statistics = new LatentStatistics(1, 3);
    float[] values = {Float.MIN_VALUE, 0.2f, Math.nextUp(0.2f), 0.4f, Float.MAX_VALUE};
    statistics.add(new SparseLatents(0, new int[] {0, 5}, new int[5], values));
    assertThat(statistics.histogram()).containsExactly(2, 2, 1);
  }

  @Test
  void sumsAreCloseToTheExactOnes() {
    Random random = new Random(3);
    int count = 1000;
    float[] values = new float[count];
    BigDecimal[] exact = {BigDecimal.ZERO, BigDecimal.ZERO, BigDecimal.ZERO, BigDecimal.ZERO};
    for (int i = 0; i < count; i++) {
      values[i] = (float) Math.abs(random.nextGaussian());
      for (int p = 0; p < 4; p++) {
        exact[p] = exact[p].add(new BigDecimal(values[i]).pow(p + 1));
      }
    }
    LatentStatistics statistics = new LatentStatistics(1, 1);
    statistics.add(new SparseLatents(0, new int[] {0, count}, new int[count], values));
    for (int p = 0; p < 4; p++) {
      assertThat(statistics.powerSums()[p]).isCloseTo(exact[p].doubleValue(), within(1e-11));
    }
  }

  @Test
  void refusesNoBins() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LatentStatistics(1, 0))
        .withMessage("bins: 0 (expected: >= 1)");
  }
}
