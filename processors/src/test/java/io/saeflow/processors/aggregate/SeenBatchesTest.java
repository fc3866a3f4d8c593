// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;

class SeenBatchesTest {
  /** A plain set of numbers is the truth. */
  @Property
  void countsEachNumberOnce(
      @ForAll @Size(max = 60) List<@LongRange(min = 0, max = 40) Long> numbers) {
    SeenBatches seen = new SeenBatches();
    Set<Long> truth = new HashSet<>();
    for (long number : numbers) {
      assertThat(seen.add(number)).isEqualTo(truth.add(number));
      assertThat(seen.count()).isEqualTo(truth.size());
      seen = reread(seen);
    }
  }

  private static SeenBatches reread(SeenBatches seen) {
    ByteBuffer bytes = ByteBuffer.allocate(seen.bytes());
    seen.writeTo(bytes);
    assertThat(bytes.hasRemaining()).isFalse();
    SeenBatches read = new SeenBatches();
    read.readFrom(bytes.flip());
    return read;
  }
}
