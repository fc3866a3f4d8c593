// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumReader;
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
  void writesAndReadsWhatAvroItselfDoes() throws Exception {
    Schema schema = FeatureRecord.getClassSchema();
    for (int seed = 0; seed < 200; seed++) {
      FeatureRecord record = anyRecord(new Random(seed));
      ByteArrayOutputStream avros = new ByteArrayOutputStream();
      BinaryEncoder out = EncoderFactory.get().binaryEncoder(avros, null);
      new GenericDatumWriter<FeatureRecord>(schema, new SpecificData()).write(record, out);
      out.flush();
      byte[] ours = AvroCodec.FEATURE.encode(record);
      assertThat(Arrays.copyOfRange(ours, 10, ours.length)).isEqualTo(avros.toByteArray());
      FeatureRecord read =
          new SpecificDatumReader<FeatureRecord>(schema, schema, new SpecificData())
              .read(null, DecoderFactory.get().binaryDecoder(avros.toByteArray(), null));
      assertThat(AvroCodec.FEATURE.decode(ours)).isEqualTo(read).isEqualTo(record);
    }
  }

  /** A writer may cut an array into blocks, each with its number of elements and of bytes. */
  @Test
  void arraysMayComeInBlocks() throws Exception {
    FeatureRecord record = anyRecord(new Random(1));
    byte[] header = Arrays.copyOf(AvroCodec.FEATURE.encode(record), 10);
    ByteArrayOutputStream blocks = new ByteArrayOutputStream();
    blocks.writeBytes(header);
    BinaryEncoder out =
        new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(blocks, null);
    new GenericDatumWriter<FeatureRecord>(FeatureRecord.getClassSchema(), new SpecificData())
        .write(record, out);
    out.flush();
    assertThat(blocks.size()).isGreaterThan(AvroCodec.FEATURE.encode(record).length);
    assertThat(AvroCodec.FEATURE.decode(blocks.toByteArray())).isEqualTo(record);
  }

  /** It would take hours if every block copied what was read before it. */
  @Test
  void aMillionBlocksAreReadInTimeOfTheirLength() throws Exception {
    int blocks = 1_000_000;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write(AvroCodec.FEATURE.encode(RECORD), 0, 10);
    BinaryEncoder out = EncoderFactory.get().binaryEncoder(bytes, null);
    out.writeInt(3); // latent
    out.writeLong(2); // sequences
    out.writeBoolean(true);
    for (int count = 0; count < 4; count++) {
      out.writeLong(0);
    }
    out.writeDouble(0); // normalised errors
    out.writeLong(0); // active
    out.writeFloat(0); // max
    for (int power = 1; power <= 4; power++) {
      out.writeDouble(0);
    }
    for (int block = 0; block < blocks; block++) {
      out.writeLong(1);
      out.writeInt(block);
    }
    for (int end = 0; end < 5; end++) {
      out.writeLong(0); // of the bins, and four arrays without elements
    }
    out.flush();

    List<Integer> bins = AvroCodec.FEATURE.decode(bytes.toByteArray()).getHistogramBins();
    assertThat(bins).hasSize(blocks);
    assertThat(bins.get(blocks - 1)).isEqualTo(blocks - 1);
  }

  @Test
  void aUnionHasItsBranchesAndNoMore() {
    LabelCounts width = new LabelCounts("f", 1.5, List.of(), List.of(), List.of());
    byte[] bytes =
        AvroCodec.FEATURE.encode(
            FeatureRecord.newBuilder(RECORD).setLabels(List.of(width)).build());
    // At the end: branch 1, a double, three empty lists, and the end of the list of labels.
    bytes[bytes.length - 13] = 4;
    assertThatThrownBy(() -> AvroCodec.FEATURE.decode(bytes))
        .isInstanceOf(MalformedMessageException.class)
        .hasMessageContaining("branch of a union: 2 (expected: 0 or 1)");
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

  /** Lists of fewer than 20 elements, numbers of any size. */
  private static FeatureRecord anyRecord(Random random) {
    return new FeatureRecord(
        random.nextInt(),
        random.nextLong(),
        random.nextBoolean(),
        random.nextLong(),
        random.nextLong(),
        random.nextLong(),
        random.nextLong(),
        random.nextDouble(),
        random.nextLong(),
        random.nextFloat(),
        random.nextDouble(),
        random.nextDouble(),
        random.nextDouble(),
        random.nextDouble(),
        list(random, random::nextInt),
        list(random, random::nextLong),
        list(random, () -> anyExample(random)),
        list(random, () -> anyExample(random)),
        list(random, () -> anyLabelCounts(random)));
  }

  private static Example anyExample(Random random) {
    return new Example(
        random.nextLong(),
        random.nextInt(),
        random.nextFloat(),
        random.nextLong(),
        random.nextInt(),
        list(random, () -> random.nextInt() >> random.nextInt(32)),
        list(random, () -> random.nextInt(4) == 0 ? random.nextFloat() : 0f));
  }

  private static LabelCounts anyLabelCounts(Random random) {
    return new LabelCounts(
        "field" + random.nextInt(),
        random.nextBoolean() ? random.nextDouble() : null,
        list(random, () -> "é" + random.nextLong()),
        list(random, random::nextLong),
        list(random, random::nextLong));
  }

  private static <T> List<T> list(Random random, Supplier<T> element) {
    return Stream.generate(element).limit(random.nextInt(4) == 0 ? 0 : random.nextInt(20)).toList();
  }

  private static void decodeOrRefuse(byte[] bytes) {
    try {
      assertThat(AvroCodec.FEATURE.decode(bytes)).isNotNull();
    } catch (MalformedMessageException e) {
      assertThat(e).hasMessageStartingWith("Avro record: ");
    }
  }
}
