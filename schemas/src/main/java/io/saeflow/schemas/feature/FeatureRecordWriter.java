// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.io.IOException;
import java.util.List;
import org.apache.avro.io.Encoder;
import org.jspecify.annotations.Nullable;

/**
 * Writes feature records field by field, in the schema's order: the counterpart of {@link
 * FeatureRecordReader}. Avro's own writer makes an object of each number of a list, and knows
 * nothing of {@link EncodedExamples}, most of a record, which are copied here.
 */
final class FeatureRecordWriter {
  @FunctionalInterface
  private interface ElementWriter<T> {
    void write(T element, Encoder out) throws IOException;
  }

  private FeatureRecordWriter() {}

  static void write(FeatureRecord record, Encoder out) throws IOException {
    out.writeInt(record.getLatent());
    out.writeLong(record.getSequences());
    out.writeBoolean(record.getComplete());
    out.writeLong(record.getTokens());
    out.writeLong(record.getNonFiniteTokens());
    out.writeLong(record.getNonZeros());
    out.writeLong(record.getReconstructedTokens());
    out.writeDouble(record.getNormalizedErrors());
    out.writeLong(record.getActive());
    out.writeFloat(record.getMax());
    out.writeDouble(record.getSum1());
    out.writeDouble(record.getSum2());
    out.writeDouble(record.getSum3());
    out.writeDouble(record.getSum4());
    writeInts(record.getHistogramBins(), out);
    writeLongs(record.getHistogramCounts(), out);
    writeExamples(record.getTop(), out);
    writeExamples(record.getRandom(), out);
    writeList(record.getLabels(), out, FeatureRecordWriter::writeLabelCounts);
  }

  private static void writeExamples(List<Example> examples, Encoder out) throws IOException {
    if (examples instanceof EncodedExamples encoded) {
      out.writeArrayStart();
      out.setItemCount(encoded.size());
      encoded.writeTo(out);
      out.writeArrayEnd();
    } else {
      writeList(examples, out, FeatureRecordWriter::writeExample);
    }
  }

  private static void writeExample(Example example, Encoder out) throws IOException {
    out.writeLong(example.getSequence());
    out.writeInt(example.getPosition());
    out.writeFloat(example.getActivation());
    out.writeLong(example.getDocument());
    out.writeInt(example.getWindowStart());
    writeInts(example.getTokens(), out);
    writeFloats(example.getActivations(), out);
  }

  private static void writeLabelCounts(LabelCounts counts, Encoder out) throws IOException {
    out.writeString(counts.getField());
    writeNullable(counts.getBinWidth(), out);
    writeList(counts.getValues(), out, (value, to) -> to.writeString(value));
    writeLongs(counts.getActive(), out);
    writeLongs(counts.getTokens(), out);
  }

  /** As a union of null and a number. */
  private static void writeNullable(@Nullable Double number, Encoder out) throws IOException {
    if (number == null) {
      out.writeIndex(0);
      out.writeNull();
    } else {
      out.writeIndex(1);
      out.writeDouble(number);
    }
  }

  private static <T> void writeList(List<T> list, Encoder out, ElementWriter<T> writer)
      throws IOException {
    out.writeArrayStart();
    out.setItemCount(list.size());
    for (T element : list) {
      writer.write(element, out);
    }
    out.writeArrayEnd();
  }

  private static void writeInts(List<Integer> list, Encoder out) throws IOException {
    IntList numbers = IntList.of(list);
    out.writeArrayStart();
    out.setItemCount(numbers.size());
    for (int i = 0; i < numbers.size(); i++) {
      out.writeInt(numbers.at(i));
    }
    out.writeArrayEnd();
  }

  private static void writeLongs(List<Long> list, Encoder out) throws IOException {
    LongList numbers = LongList.of(list);
    out.writeArrayStart();
    out.setItemCount(numbers.size());
    for (int i = 0; i < numbers.size(); i++) {
      out.writeLong(numbers.at(i));
    }
    out.writeArrayEnd();
  }

  private static void writeFloats(List<Float> list, Encoder out) throws IOException {
    FloatList numbers = FloatList.of(list);
    out.writeArrayStart();
    out.setItemCount(numbers.size());
    for (int i = 0; i < numbers.size(); i++) {
      out.writeFloat(numbers.at(i));
    }
    out.writeArrayEnd();
  }
}
