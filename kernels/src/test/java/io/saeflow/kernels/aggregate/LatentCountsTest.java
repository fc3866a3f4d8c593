// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Random;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class LatentCountsTest {
  private static final int[] KEYS = {0, 1, 7, 8, 9, 127, 128, 129, 1 << 20, Integer.MAX_VALUE};

  @Property(tries = 200)
  void countsAsATreeOfEachLatentDoes(@ForAll long seed) {
    Random random = new Random(seed);
    LatentCounts counts = new LatentCounts(2);
    TreeMap<Integer, Long> first = new TreeMap<>();
    TreeMap<Integer, Long> second = new TreeMap<>();
    for (int i = random.nextInt(60); i > 0; i--) {
      int latent = random.nextInt(2);
      TreeMap<Integer, Long> expected = latent == 0 ? first : second;
      int key = KEYS[random.nextInt(KEYS.length)];
      if (random.nextInt(4) == 0) {
        Long removed = expected.remove(key);
        assertThat(counts.remove(latent, key)).isEqualTo(removed == null ? 0 : removed);
      } else {
        long count = 1L << random.nextInt(40);
        expected.merge(key, count, Long::sum);
        counts.add(latent, key, count);
      }
    }
    assertHas(counts, 0, first);
    assertHas(counts, 1, second);

    ByteBuffer saved = ByteBuffer.allocate(counts.bytes(1));
    counts.writeTo(saved, 1);
    assertThat(saved.remaining()).isZero();
    counts.readFrom(saved.flip(), 0);
    assertHas(counts, 0, second);
  }

  private static void assertHas(LatentCounts counts, int latent, TreeMap<Integer, Long> expected) {
    assertThat(counts.keys(latent))
        .containsExactly(expected.keySet().stream().mapToInt(Integer::intValue).toArray());
    assertThat(counts.counts(latent))
        .containsExactly(expected.values().stream().mapToLong(Long::longValue).toArray());
    for (int key : KEYS) {
      assertThat(counts.count(latent, key)).isEqualTo(expected.getOrDefault(key, 0L));
    }
  }
}
