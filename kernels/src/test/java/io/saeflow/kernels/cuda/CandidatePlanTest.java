// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CandidatePlanTest {
  /** Expected candidates are n (1 - (1 - k / G)^(1/16)), to be at most half of 4,000. */
  @ParameterizedTest
  @CsvSource({
    "32768, 32, 2048", // G = 128, 584
    "131072, 64, 8192", // G = 256, 2,336; G = 512, 1,089
    "131072, 256, 32768", // G = 1,024, 2,336; G = 2,048, 1,089
    "2097152, 64, 131072" // G = 4,096, 2,064; G = 8,192, 1,028
  })
  void aSampleIsLargeEnoughForFewCandidates(int latents, int k, int sample) {
    assertThat(CandidatePlan.of(latents, k)).isEqualTo(new CandidatePlan(k, latents, sample, 4000));
  }

  @Test
  void allLatentsOfASmallAutoencoderHaveRoom() {
    assertThat(CandidatePlan.of(1000, 8)).isEqualTo(new CandidatePlan(8, 1024, 512, 1024));
  }

  @Test
  void withFewerGroupsThanKThereIsNoSample() {
    assertThat(CandidatePlan.of(1000, 65)).isEqualTo(new CandidatePlan(65, 1024, 0, 1024));
    assertThat(CandidatePlan.of(1000, 64)).isEqualTo(new CandidatePlan(64, 1024, 1024, 1024));
  }

  @Test
  void withoutTopKThereIsNoSample() {
    assertThat(CandidatePlan.of(50_000, 0)).isEqualTo(new CandidatePlan(0, 50_048, 0, 4000));
  }
}
