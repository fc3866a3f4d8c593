// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.LongSupplier;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.junit.jupiter.api.Test;

class EncodedExampleTest {
  /** Of {@link AvroCodec}. */
  private static final int HEADER_BYTES = 10;

  private final WindowEncoder encoder = new WindowEncoder();

  @Test
  void plainAvroReadsWhatWasPutTogetherFromBytes() throws Exception {
    Schema schema = FeatureRecord.getClassSchema();
    for (int seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      List<Example> top = examples(random);
      List<Example> sample = examples(random);
      FeatureRecord plain = record(top, sample);
      byte[] bytes =
          AvroCodec.FEATURE.encode(
              record(new EncodedExamples(encoded(top)), new EncodedExamples(encoded(sample))));
      GenericRecord read =
          new GenericDatumReader<GenericRecord>(schema)
              .read(
                  null,
                  DecoderFactory.get()
                      .binaryDecoder(bytes, HEADER_BYTES, bytes.length - HEADER_BYTES, null));
      assertThat(GenericData.get().compare(read, plain, schema)).isZero();
      assertThat(read.toString()).isEqualTo(plain.toString());
      assertThat(bytes).isEqualTo(AvroCodec.FEATURE.encode(plain));
      assertThat(AvroCodec.FEATURE.decode(bytes)).isEqualTo(plain);
    }
  }

  @Test
  void aDecodedExampleIsTheOneThatWasEncoded() {
    for (int seed = 0; seed < 200; seed++) {
      List<Example> examples = examples(new Random(seed));
      assertThat(new EncodedExamples(encoded(examples))).isEqualTo(examples);
    }
  }

  /** Two tokens and one value take as many bytes as their numbers have. */
  @Test
  void aWindowIsTheBytesThatItsCommentSays() {
    encoder.start(2);
    encoder.addActivation(1, 1f);
    assertThat(encoder.finish(-1, 3, new int[] {9, 64, 5}, 1))
        .containsExactly(
            4, // length 2
            2,
            0,
            0,
            (byte) 0x80,
            0x3f, // at 1: 1f
            1, // no more
            1, // document -1
            6, // window's start 3
            4,
            (byte) 0x80,
            1,
            10,
            0); // two tokens, 64 and 5, and no more
  }

  private List<EncodedExample> encoded(List<Example> examples) {
    List<EncodedExample> encoded = new ArrayList<>();
    for (Example example : examples) {
      IntList window = IntList.of(example.getTokens());
      int first = 3;
      int[] tokens = new int[first + window.size() + 2];
      encoder.start(window.size());
      for (int i = 0; i < window.size(); i++) {
        tokens[first + i] = window.at(i);
        float activation = example.getActivations().get(i);
        if (activation != 0) {
          encoder.addActivation(i, activation);
        }
      }
      encoded.add(
          new EncodedExample(
              example.getSequence(),
              example.getPosition(),
              example.getActivation(),
              encoder.finish(example.getDocument(), example.getWindowStart(), tokens, first)));
    }
    return encoded;
  }

  /** Up to twenty; windows of 1 to 200 tokens, of any size. */
  private static List<Example> examples(Random random) {
    List<Example> examples = new ArrayList<>();
    for (int left = random.nextInt(21); left > 0; left--) {
      int[] tokens = new int[1 + random.nextInt(200)];
      float[] activations = new float[tokens.length];
      int rarity = 1 + random.nextInt(100);
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = random.nextInt() >>> random.nextInt(32);
        activations[i] = random.nextInt(rarity) == 0 ? (float) random.nextGaussian() : 0;
      }
      LongSupplier number = () -> random.nextLong() >> random.nextInt(64);
      examples.add(
          new Example(
              number.getAsLong(),
              (int) number.getAsLong(),
              random.nextFloat(),
              number.getAsLong(),
              (int) number.getAsLong(),
              new IntList(tokens),
              new FloatList(activations)));
    }
    return examples;
  }

  private static FeatureRecord record(List<Example> top, List<Example> random) {
    return FeatureRecord.newBuilder()
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
        .setHistogramBins(new IntList(3, 8))
        .setHistogramCounts(new LongList(1, 1L << 40))
        .setTop(top)
        .setRandom(random)
        .setLabels(List.of())
        .build();
  }
}
