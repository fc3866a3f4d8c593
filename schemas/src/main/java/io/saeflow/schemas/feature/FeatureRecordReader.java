// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads feature records field by field. Avro's own reader asks the schema of every number and makes
 * an object of it, and a record has thousands.
 *
 * <p>Constructors' arguments are evaluated from left to right and are the fields in the schema's
 * order, so each constructor reads one record.
 */
final class FeatureRecordReader {
  @FunctionalInterface
  private interface ElementReader<T> {
    T read(AvroInput in) throws IOException;
  }

  private FeatureRecordReader() {}

  static FeatureRecord read(AvroInput in) throws IOException {
    return new FeatureRecord(
        in.readInt(),
        in.readLong(),
        in.readBoolean(),
        in.readLong(),
        in.readLong(),
        in.readLong(),
        in.readLong(),
        in.readDouble(),
        in.readLong(),
        in.readFloat(),
        in.readDouble(),
        in.readDouble(),
        in.readDouble(),
        in.readDouble(),
        new IntList(in.readInts()),
        readList(in, AvroInput::readLong),
        readList(in, FeatureRecordReader::readExample),
        readList(in, FeatureRecordReader::readExample),
        readList(in, FeatureRecordReader::readLabelCounts));
  }

  private static Example readExample(AvroInput in) throws IOException {
    return new Example(
        in.readLong(),
        in.readInt(),
        in.readFloat(),
        in.readLong(),
        in.readInt(),
        new IntList(in.readInts()),
        new FloatList(in.readFloats()));
  }

  private static LabelCounts readLabelCounts(AvroInput in) throws IOException {
    return new LabelCounts(
        in.readString(),
        readNullable(in, AvroInput::readDouble),
        readList(in, AvroInput::readString),
        readList(in, AvroInput::readLong),
        readList(in, AvroInput::readLong));
  }

  /** Of a union of null and something else. */
  private static <T> @Nullable T readNullable(AvroInput in, ElementReader<T> reader)
      throws IOException {
    int branch = in.readInt();
    return switch (branch) {
      case 0 -> null;
      case 1 -> reader.read(in);
      default ->
          throw new IOException("branch of a union: %d (expected: 0 or 1)".formatted(branch));
    };
  }

  /** Grows with what is read, whatever its length is said to be. */
  private static <T> List<T> readList(AvroInput in, ElementReader<T> reader) throws IOException {
    List<T> elements = new ArrayList<>();
    for (long n = in.readBlock(); n > 0; n = in.readBlock()) {
      for (long i = 0; i < n; i++) {
        elements.add(reader.read(in));
      }
    }
    return elements;
  }
}
