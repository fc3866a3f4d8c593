// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class AvroCodecTest {
  private static final FeatureRecord RECORD =
      FeatureRecord.newBuilder()
          .setLatent(3)
          .setSequences(2)
          .setComplete(true)
          .setTokens(100)
          .setNonFiniteTokens(1)
          .setActive(2)
          .setMax(1.5f)
          .setSum1(2.0)
          .setSum2(2.5)
          .setSum3(3.5)
          .setSum4(4.5)
          .setHistogramBins(List.of(3, 8))
          .setHistogramCounts(List.of(1L, 1L))
          .setTop(List.of(new Example(9L, 1, 1.5f, 0L, 0, List.of(4, 5), List.of(0f, 1.5f))))
          .setRandom(List.of())
          .setLabels(
              List.of(
                  new LabelCounts(
                      "year", 10.0, List.of("1790", "1800"), List.of(2L, 0L), List.of(60L, 39L)),
                  new LabelCounts("party", null, List.of("d"), List.of(1L), List.of(50L))))
          .build();

  @Test
  void aRecordComesBackEqual() throws Exception {
    assertThat(AvroCodec.FEATURE.decode(AvroCodec.FEATURE.encode(RECORD))).isEqualTo(RECORD);
  }

  @Test
  void aSumOutOfRangeStaysNaN() throws Exception {
    FeatureRecord record = FeatureRecord.newBuilder(RECORD).setSum4(Double.NaN).build();
    assertThat(AvroCodec.FEATURE.decode(AvroCodec.FEATURE.encode(record)).getSum4()).isNaN();
  }

  @Test
  void anotherSchemaIsRefused() {
    byte[] bytes = AvroCodec.FEATURE.encode(RECORD);
    assertThatThrownBy(() -> AvroCodec.MANIFEST.decode(bytes))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessageContaining("Avro record");
  }

  @Test
  void cutBytesAreRefused() {
    byte[] bytes = AvroCodec.FEATURE.encode(RECORD);
    for (int length = 0; length < bytes.length; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThatThrownBy(() -> AvroCodec.FEATURE.decode(cut))
          .as("cut to %d of %d bytes", length, bytes.length)
          .isInstanceOf(MalformedMessageException.class);
    }
  }

  @Test
  void damagedBytesAreMalformedWhateverTheDamage() {
    byte[] bytes = AvroCodec.FEATURE.encode(RECORD);
    for (int at = 0; at < bytes.length; at++) {
      for (int value = 0; value < 256; value++) {
        byte[] damaged = bytes.clone();
        damaged[at] = (byte) value;
        assertThatCode(() -> decodeOrRefuse(damaged))
            .as("byte %d as %d", at, value)
            .doesNotThrowAnyException();
      }
    }
  }

  @Test
  void aHugeCountOrLengthIsMalformed() {
    byte[] huge = {(byte) 0xfe, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x0f}; // 2^31 - 1
    byte[] bytes = AvroCodec.FEATURE.encode(RECORD);
    for (int at = 10; at + huge.length <= bytes.length; at++) {
      byte[] damaged = bytes.clone();
      System.arraycopy(huge, 0, damaged, at, huge.length);
      assertThatCode(() -> decodeOrRefuse(damaged)).as("at %d", at).doesNotThrowAnyException();
    }
  }

  /** Arrays and maps of 2^28 elements, in messages of a few hundred bytes. */
  @Test
  void aLargeCountAllocatesNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    byte[] count = {(byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80, 0x02};
    byte[] bytes = AvroCodec.FEATURE.encode(RECORD);
    decodeOrRefuse(bytes);
    for (int at = 10; at < bytes.length; at++) {
      byte[] damaged = Arrays.copyOf(bytes, at + count.length + 1);
      System.arraycopy(count, 0, damaged, at, count.length);
      long before = threads.getCurrentThreadAllocatedBytes();
      decodeOrRefuse(damaged);
      assertThat(threads.getCurrentThreadAllocatedBytes() - before)
          .as("at %d", at)
          .isLessThan(1 << 22);
    }
  }

  private static void decodeOrRefuse(byte[] bytes) {
    try {
      assertThat(AvroCodec.FEATURE.decode(bytes)).isNotNull();
    } catch (MalformedMessageException e) {
      assertThat(e).hasMessageStartingWith("Avro record: ");
    }
  }
}
