// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.sinks.Fixtures;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ParallelSinkTest {
  /** Slow, and full after so many. */
  private static final class Disk implements FeatureSink {
    private final List<Integer> written = new ArrayList<>();
    private final int most;
    private boolean closed;

    Disk(int most) {
      this.most = most;
    }

    @Override
    public void write(FeatureRecord record) throws IOException {
      if (written.size() == most) {
        throw new IOException("disk full");
      }
      if (record.getLatent() % 50 == 0) {
        Thread.yield();
      }
      written.add(record.getLatent());
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  @Test
  void writesAllInOrderAndIsDoneAfterAFlush() throws Exception {
    Disk disk = new Disk(1000);
    List<Integer> all = IntStream.range(0, 300).boxed().toList();
    try (ParallelSink sink = new ParallelSink(disk)) {
      for (int latent : all) {
        sink.write(Fixtures.dead(latent).build());
      }
      sink.flush();
      assertThat(disk.written).isEqualTo(all);
    }
    assertThat(disk.closed).isTrue();
  }

  @Test
  void closingWritesWhatWaits() throws Exception {
    Disk disk = new Disk(1000);
    try (ParallelSink sink = new ParallelSink(disk)) {
      sink.write(Fixtures.dead(1).build());
      sink.write(Fixtures.dead(2).build());
    }
    assertThat(disk.written).containsExactly(1, 2);
  }

  @Test
  void aFailureComesOutLaterAndNothingIsWrittenAfterIt() throws Exception {
    Disk disk = new Disk(2);
    try (ParallelSink sink = new ParallelSink(disk)) {
      for (int latent = 0; latent < 5; latent++) {
        try {
          sink.write(Fixtures.dead(latent).build());
        } catch (IOException e) {
          assertThat(e).hasMessage("disk full");
        }
      }
      assertThatThrownBy(sink::flush).isInstanceOf(IOException.class).hasMessage("disk full");
      assertThatThrownBy(() -> sink.write(Fixtures.dead(9).build())).hasMessage("disk full");
    }
    assertThat(disk.written).containsExactly(0, 1);
  }
}
