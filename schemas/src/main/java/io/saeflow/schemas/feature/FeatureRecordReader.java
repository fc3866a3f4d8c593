// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.avro.io.Decoder;
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
    T read(Decoder in) throws IOException;
  }

  private FeatureRecordReader() {}

  static FeatureRecord read(Decoder in) throws IOException {
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
        readInts(in),
        readList(in, Decoder::readLong),
        readList(in, FeatureRecordReader::readExample),
        readList(in, FeatureRecordReader::readExample),
        readList(in, FeatureRecordReader::readLabelCounts));
  }

  private static Example readExample(Decoder in) throws IOException {
    return new Example(
        in.readLong(),
        in.readInt(),
        in.readFloat(),
        in.readLong(),
        in.readInt(),
        readInts(in),
        readFloats(in));
  }

  private static LabelCounts readLabelCounts(Decoder in) throws IOException {
    return new LabelCounts(
        in.readString(),
        readNullable(in, Decoder::readDouble),
        readList(in, Decoder::readString),
        readList(in, Decoder::readLong),
        readList(in, Decoder::readLong));
  }

  /** Of a union of null and something else. */
  private static <T> @Nullable T readNullable(Decoder in, ElementReader<T> reader)
      throws IOException {
    int branch = in.readIndex();
    return switch (branch) {
      case 0 -> null;
      case 1 -> reader.read(in);
      default ->
          throw new IOException("branch of a union: %d (expected: 0 or 1)".formatted(branch));
    };
  }

  /** Grows with what is read, whatever its length is said to be. */
  private static <T> List<T> readList(Decoder in, ElementReader<T> reader) throws IOException {
    List<T> elements = new ArrayList<>();
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      for (long i = 0; i < n; i++) {
        elements.add(reader.read(in));
      }
    }
    return elements;
  }

  static IntList readInts(Decoder in) throws IOException {
    int[] numbers = {};
    int size = 0;
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      int to = size + requireLeft(in, n, 1);
      if (to > numbers.length) {
        numbers = Arrays.copyOf(numbers, capacity(to, size));
      }
      while (size < to) {
        numbers[size++] = in.readInt();
      }
    }
    return new IntList(Arrays.copyOf(numbers, size));
  }

  private static FloatList readFloats(Decoder in) throws IOException {
    float[] numbers = {};
    int size = 0;
    for (long n = in.readArrayStart(); n > 0; n = in.arrayNext()) {
      int to = size + requireLeft(in, n, Float.BYTES);
      if (to > numbers.length) {
        numbers = Arrays.copyOf(numbers, capacity(to, size));
      }
      while (size < to) {
        numbers[size++] = in.readFloat();
      }
    }
    return new FloatList(Arrays.copyOf(numbers, size));
  }

  /** Exactly for one block of elements, but doubled for each of many small ones. */
  private static int capacity(int needed, int size) {
    return Math.max(needed, 2 * size);
  }

  /**
   * How many elements there are said to be, if they can be: so much is allocated for them.
   *
   * @param least the fewest bytes that one takes
   */
  private static int requireLeft(Decoder in, long elements, int least) throws EOFException {
    if (elements > in.remainingBytes() / least) {
      throw new EOFException(
          "%d elements in %d bytes (expected: %d bytes each at least)"
              .formatted(elements, in.remainingBytes(), least));
    }
    return (int) elements;
  }
}
