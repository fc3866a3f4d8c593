// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.io.IOException;
import java.util.List;
import org.apache.avro.io.Encoder;

/**
 * Writes feature records as Avro does, field by field in the schema's order. Avro's own writer asks
 * the schema of every number, and a record has thousands.
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
    writeList(record.getTop(), FeatureRecordWriter::writeExample, out);
    writeList(record.getRandom(), FeatureRecordWriter::writeExample, out);
    writeList(record.getLabels(), FeatureRecordWriter::writeLabelCounts, out);
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
    if (counts.getBinWidth() == null) {
      out.writeIndex(0);
    } else {
      out.writeIndex(1);
      out.writeDouble(counts.getBinWidth());
    }
    writeList(counts.getValues(), (value, to) -> to.writeString(value), out);
    writeLongs(counts.getActive(), out);
    writeLongs(counts.getTokens(), out);
  }

  private static <T> void writeList(List<T> elements, ElementWriter<T> writer, Encoder out)
      throws IOException {
    out.writeArrayStart();
    out.setItemCount(elements.size());
    for (T element : elements) {
      out.startItem();
      writer.write(element, out);
    }
    out.writeArrayEnd();
  }

  private static void writeLongs(List<Long> numbers, Encoder out) throws IOException {
    writeList(numbers, (number, to) -> to.writeLong(number), out);
  }

  private static void writeInts(List<Integer> list, Encoder out) throws IOException {
    IntList numbers = IntList.of(list);
    out.writeArrayStart();
    out.setItemCount(numbers.size());
    for (int i = 0; i < numbers.size(); i++) {
      out.startItem();
      out.writeInt(numbers.at(i));
    }
    out.writeArrayEnd();
  }

  private static void writeFloats(List<Float> list, Encoder out) throws IOException {
    FloatList numbers = FloatList.of(list);
    out.writeArrayStart();
    out.setItemCount(numbers.size());
    for (int i = 0; i < numbers.size(); i++) {
      out.startItem();
      out.writeFloat(numbers.at(i));
    }
    out.writeArrayEnd();
  }
}
