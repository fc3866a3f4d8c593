// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A safetensors file: eight bytes of header length, a JSON header, and the tensors' bytes without
 * holes. Opening checks the whole header against the file; values are read when asked for.
 */
public final class Safetensors implements TensorFile {
  private static final int LENGTH_BYTES = 8;
  private static final long MAX_HEADER = 100_000_000; // the format's own limit
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(8)
                  .maxNumberLength(20)
                  .maxStringLength(10_000_000)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private final FileBytes file;
  private final long dataStart;
  private final Map<String, Entry> entries;
  private final Map<String, String> metadata;

  private record Entry(String name, Dtype dtype, List<Long> shape, long begin, long end) {}

  private Safetensors(
      FileBytes file, long dataStart, Map<String, Entry> entries, Map<String, String> metadata) {
    this.file = file;
    this.dataStart = dataStart;
    this.entries = Collections.unmodifiableMap(entries);
    this.metadata = Collections.unmodifiableMap(metadata);
  }

  /**
   * Opens and checks a file.
   *
   * @throws TensorFileException if it cannot be read or breaks the format in any way
   */
  public static Safetensors open(Path path) throws TensorFileException {
    FileBytes file = FileBytes.open(path);
    try {
      return read(file);
    } catch (TensorFileException e) {
      file.close();
      throw e;
    }
  }

  @Override
  public Set<String> names() {
    return entries.keySet();
  }

  @Override
  public List<Long> shape(String name) throws TensorFileException {
    return entry(name).shape;
  }

  /**
   * What the values of tensor {@code name} are.
   *
   * @throws TensorFileException if there is no such tensor
   */
  public Dtype dtype(String name) throws TensorFileException {
    return entry(name).dtype;
  }

  /** The header's free-form strings; empty if it has none. */
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  public float[] floats(String name) throws TensorFileException {
    Entry entry = entry(name);
    if (!entry.dtype.isFloating()) {
      throw tensorProblem(name, "dtype %s (expected: F32, F16, BF16 or F64)", entry.dtype);
    }
    return file.floats(dataStart + entry.begin, length(entry), entry.dtype);
  }

  /**
   * The values of tensor {@code name}, row-major, widened from any integer dtype; U64 keeps its
   * bits, BOOL becomes 0 or 1.
   *
   * @throws TensorFileException if there is no such tensor, it is of another dtype, or it has more
   *     values than an array can hold
   */
  public long[] longs(String name) throws TensorFileException {
    Entry entry = entry(name);
    if (entry.dtype.isFloating()) {
      throw tensorProblem(name, "dtype %s (expected: an integer dtype)", entry.dtype);
    }
    return file.longs(dataStart + entry.begin, length(entry), entry.dtype);
  }

  /**
   * Fills {@code into}, from 0 to its limit, with the bytes of tensor {@code name} as they are.
   *
   * @param position of the first byte in the tensor
   * @throws TensorFileException if there is no such tensor, or it has no such bytes
   */
  public void read(String name, long position, ByteBuffer into) throws TensorFileException {
    Entry entry = entry(name);
    long bytes = entry.end - entry.begin;
    if (position < 0 || position > bytes || into.limit() > bytes - position) {
      throw file.problem(
          "tensor '%s': %d bytes from %d (expected: within its %d)"
              .formatted(name, into.limit(), position, bytes));
    }
    file.read(dataStart + entry.begin + position, into.position(0));
  }

  @Override
  public void close() {
    file.close();
  }

  private Entry entry(String name) throws TensorFileException {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw TensorFileException.noTensor(file.name(), name, entries.keySet());
    }
    return entry;
  }

  private int length(Entry entry) throws TensorFileException {
    try {
      return Shapes.arrayLength(Shapes.count(entry.shape));
    } catch (IllegalArgumentException e) {
      throw tensorProblem(entry.name, "%s", e.getMessage());
    }
  }

  private TensorFileException tensorProblem(String name, String format, Object value) {
    return file.problem("tensor '%s': ".formatted(name) + format.formatted(value));
  }

  private static Safetensors read(FileBytes file) throws TensorFileException {
    if (file.size() < LENGTH_BYTES) {
      throw file.problem("%d bytes (expected: at least 8)".formatted(file.size()));
    }
    ByteBuffer length = ByteBuffer.allocate(LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.read(0, length);
    long headerLength = length.getLong();
    long rest = file.size() - LENGTH_BYTES;
    if (headerLength < 0 || headerLength > Math.min(rest, MAX_HEADER)) {
      throw file.problem(
          "header length %s (expected: at most %s)"
              .formatted(
                  Long.toUnsignedString(headerLength),
                  rest <= MAX_HEADER ? rest + ", the rest of the file" : MAX_HEADER));
    }
    ByteBuffer header = ByteBuffer.allocate((int) headerLength);
    file.read(LENGTH_BYTES, header);
    Map<String, Entry> entries = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    try (JsonParser json = JSON.createParser(header.array())) {
      new Header(file, json).read(entries, metadata);
    } catch (JsonProcessingException e) {
      throw new TensorFileException(
          file.problem("header: " + e.getOriginalMessage()).getMessage(), e);
    } catch (IOException e) {
      throw new TensorFileException(file.problem("header: " + e.getMessage()).getMessage(), e);
    }
    requireContiguous(file, entries, rest - headerLength);
    return new Safetensors(file, LENGTH_BYTES + headerLength, entries, metadata);
  }

  private static void requireContiguous(FileBytes file, Map<String, Entry> entries, long dataLength)
      throws TensorFileException {
    List<Entry> sorted = new ArrayList<>(entries.values());
    sorted.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    long end = 0;
    for (Entry entry : sorted) {
      if (entry.begin != end) {
        throw file.problem(
            "tensor '%s': begins at %d (expected: %d, where the one before it ends)"
                .formatted(entry.name, entry.begin, end));
      }
      end = entry.end;
    }
    if (end != dataLength) {
      throw file.problem(
          "%d bytes of tensors (expected: %d, as the header declares)".formatted(dataLength, end));
    }
  }

  /** The JSON header, read token by token. */
  private static final class Header {
    private final FileBytes file;
    private final JsonParser json;

    Header(FileBytes file, JsonParser json) {
      this.file = file;
      this.json = json;
    }

    void read(Map<String, Entry> entries, Map<String, String> metadata)
        throws IOException, TensorFileException {
      expect("the header", JsonToken.START_OBJECT, json.nextToken());
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        JsonToken value = json.nextToken();
        if (name.equals("__metadata__")) {
          expect(name, JsonToken.START_OBJECT, value);
          while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            expect(name, JsonToken.VALUE_STRING, json.nextToken());
            metadata.put(key, json.getText());
          }
        } else {
          String where = "tensor '%s'".formatted(name);
          expect(where, JsonToken.START_OBJECT, value);
          entries.put(name, entry(name, where));
        }
      }
      if (json.nextToken() != null) {
        throw file.problem("header: text after its object (expected: spaces)");
      }
    }

    private Entry entry(String name, String where) throws IOException, TensorFileException {
      String dtypeName = null;
      List<Long> shape = null;
      List<Long> offsets = null;
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String key = json.currentName();
        JsonToken value = json.nextToken();
        switch (key) {
          case "dtype" -> {
            expect(where, JsonToken.VALUE_STRING, value);
            dtypeName = json.getText();
          }
          case "shape" -> shape = numbers(where, value);
          case "data_offsets" -> offsets = numbers(where, value);
          default -> json.skipChildren();
        }
      }
      if (dtypeName == null || shape == null || offsets == null || offsets.size() != 2) {
        throw file.problem(where + " (expected: dtype, shape and two data_offsets)");
      }
      Dtype dtype = dtype(dtypeName);
      if (dtype == null) {
        throw file.problem(
            "%s: dtype '%s' (expected one of %s)"
                .formatted(where, dtypeName, List.of(Dtype.values())));
      }
      long begin = offsets.get(0);
      long end = offsets.get(1);
      if (begin < 0 || end < begin) {
        throw file.problem(
            "%s: data_offsets %s (expected: 0 <= begin <= end)".formatted(where, offsets));
      }
      long bytes;
      try {
        bytes = Shapes.bytes(shape, dtype);
      } catch (IllegalArgumentException e) {
        throw new TensorFileException(file.problem(where + ": " + e.getMessage()).getMessage(), e);
      }
      if (bytes != end - begin) {
        throw file.problem(
            "%s: %d bytes (expected: %d for %s %s)"
                .formatted(where, end - begin, bytes, dtype, shape));
      }
      return new Entry(name, dtype, shape, begin, end);
    }

    private List<Long> numbers(String where, JsonToken value)
        throws IOException, TensorFileException {
      expect(where, JsonToken.START_ARRAY, value);
      List<Long> numbers = new ArrayList<>();
      for (JsonToken t = json.nextToken(); t != JsonToken.END_ARRAY; t = json.nextToken()) {
        expect(where, JsonToken.VALUE_NUMBER_INT, t);
        numbers.add(json.getLongValue());
      }
      return List.copyOf(numbers);
    }

    private void expect(String where, JsonToken expected, @Nullable JsonToken actual)
        throws TensorFileException {
      if (actual != expected) {
        throw file.problem("%s: %s (expected: %s)".formatted(where, actual, expected));
      }
    }

    private static @Nullable Dtype dtype(String name) {
      for (Dtype dtype : Dtype.values()) {
        if (dtype.name().equals(name)) {
          return dtype;
        }
      }
      return null;
    }
  }
}
