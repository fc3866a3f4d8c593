// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class StreamMessagesTest {
  private static final List<DocumentSpan> NONE = List.of();

  @Property
  void rangesCoverEveryLatentOnce(
      @ForAll @IntRange(min = 1, max = 5000) int latents,
      @ForAll @IntRange(min = 1, max = 64) int count) {
    int ranges = Math.min(count, latents);
    int next = 0;
    for (int i = 0; i < ranges; i++) {
      FeatureRange range = new FeatureRange(i, ranges, latents);
      assertThat(range.from()).isEqualTo(next);
      assertThat(range.size()).isPositive();
      assertThat(FeatureRange.of(range.from(), ranges, latents)).isEqualTo(range);
      assertThat(FeatureRange.of(range.to() - 1, ranges, latents)).isEqualTo(range);
      next = range.to();
    }
    assertThat(next).isEqualTo(latents);
  }

  @Test
  void fiveRangesOf32768LatentsAreDelphisShards() {
    assertThat(new FeatureRange(0, 5, 32768).to()).isEqualTo(6553);
    assertThat(new FeatureRange(1, 5, 32768).to()).isEqualTo(13107);
    assertThat(new FeatureRange(2, 5, 32768).to()).isEqualTo(19660);
    assertThat(new FeatureRange(3, 5, 32768).to()).isEqualTo(26214);
    assertThat(new FeatureRange(4, 5, 32768).to()).isEqualTo(32768);
  }

  @Test
  void moreRangesThanLatentsAreRefused() {
    assertThatThrownBy(() -> new FeatureRange(0, 11, 10))
        .hasMessageContaining("feature range 0 of 11 over 10 latents");
  }

  @Test
  void tokensMustFillTheirSequences() {
    assertThatThrownBy(() -> new TokenBatch("r", 3, 0, 4, new int[6], List.of(NONE)))
        .hasMessage("tokens of batch 3: 6 (expected: a positive multiple of the context length 4)");
    assertThatThrownBy(() -> new TokenBatch("r", 3, 0, 4, new int[8], List.of(NONE)))
        .hasMessageContaining("document lists of batch 3: 1 (expected: one for each of 2");
  }

  @Test
  void spansMustAscendInsideTheSequence() {
    List<DocumentSpan> twice =
        List.of(new DocumentSpan(1, 0, 0, "{}"), new DocumentSpan(1, 1, 0, "{}"));
    List<DocumentSpan> beyond = List.of(new DocumentSpan(4, 0, 0, "{}"));
    assertThatThrownBy(() -> new TokenBatch("r", 0, 0, 4, new int[4], List.of(twice)))
        .hasMessageContaining("starts at 1 (expected: ascending, below 4)");
    assertThatThrownBy(() -> new TokenBatch("r", 0, 0, 4, new int[4], List.of(beyond)))
        .hasMessageContaining("starts at 4 (expected: ascending, below 4)");
  }

  @Test
  void latentsMustAscendInsideTheirRange() {
    assertThatThrownBy(
            () ->
                latentBatch(
                    EncodingSummary.withoutDecoder(0, 2), new int[] {3, 3}, new float[] {1, 1}))
        .hasMessageContaining("latent of token 0 in batch 0: 3 (expected: ascending, in [0, 5))");
    assertThatThrownBy(
            () ->
                latentBatch(
                    EncodingSummary.withoutDecoder(0, 2), new int[] {3, 5}, new float[] {1, 1}))
        .hasMessageContaining("5 (expected: ascending, in [0, 5))");
    assertThatThrownBy(
            () ->
                latentBatch(
                    EncodingSummary.withoutDecoder(0, 2),
                    new int[] {3, 4},
                    new float[] {1, Float.NaN}))
        .hasMessageContaining("value of latent 4 in batch 0: NaN (expected: finite and not zero)");
    assertThatThrownBy(
            () ->
                latentBatch(
                    EncodingSummary.withoutDecoder(0, 1), new int[] {3, 4}, new float[] {1, 1}))
        .hasMessageContaining("non-zeros of batch 0: 1 (expected: at least the 2 of ");
    assertThatThrownBy(
            () ->
                latentBatch(
                    new EncodingSummary(0, 2, 99, BigInteger.ONE),
                    new int[] {3, 4},
                    new float[] {1, 1}))
        .hasMessageContaining("reconstructed tokens of batch 0: 99 (expected: 0 to ");
  }

  /** Of two tokens, of which the first has both latents, for latents 0 to 4. */
  private static LatentBatch latentBatch(EncodingSummary summary, int[] latents, float[] values) {
    return new LatentBatch(
        new TokenBatch("r", 0, 0, 2, new int[2], List.of(NONE)),
        "s",
        new FeatureRange(0, 2, 10),
        summary,
        new int[] {0, 2, 2},
        latents,
        values);
  }
}
