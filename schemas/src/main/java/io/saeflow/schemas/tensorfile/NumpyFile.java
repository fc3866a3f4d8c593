// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A NumPy array file ({@code .npy}): little-endian numbers in C order. A matrix of token ids is
 * read row by row. Not safe for use by several threads.
 */
public final class NumpyFile implements AutoCloseable {
  private static final int MAX_HEADER = 1 << 16;
  private static final Pattern ITEM =
      Pattern.compile("\\s*'(\\w{1,20})'\\s*:\\s*('[^']*'|True|False|\\([\\d,\\s]*\\))\\s*(?:,|$)");
  private static final Map<String, Dtype> DTYPES =
      Map.ofEntries(
          Map.entry("<f8", Dtype.F64),
          Map.entry("<f4", Dtype.F32),
          Map.entry("<f2", Dtype.F16),
          Map.entry("<i8", Dtype.I64),
          Map.entry("<i4", Dtype.I32),
          Map.entry("<i2", Dtype.I16),
          Map.entry("|i1", Dtype.I8),
          Map.entry("<u8", Dtype.U64),
          Map.entry("<u4", Dtype.U32),
          Map.entry("<u2", Dtype.U16),
          Map.entry("|u1", Dtype.U8),
          Map.entry("|b1", Dtype.BOOL));

  private final FileBytes file;
  private final long dataStart;
  private final Dtype dtype;
  private final List<Long> shape;

  private NumpyFile(FileBytes file, long dataStart, Dtype dtype, List<Long> shape) {
    this.file = file;
    this.dataStart = dataStart;
    this.dtype = dtype;
    this.shape = shape;
  }

  /**
   * Opens and checks a file.
   *
   * @throws TensorFileException if it cannot be read, breaks the format, is in Fortran order, or
   *     its length is not what its shape and dtype ask for
   */
  public static NumpyFile open(Path path) throws TensorFileException {
    FileBytes file = FileBytes.open(path);
    try {
      return read(file);
    } catch (TensorFileException e) {
      file.close();
      throw e;
    }
  }

  /** The sizes of its dimensions, as C orders them; empty for a scalar. */
  List<Long> shape() {
    return shape;
  }

  /**
   * Rows of a matrix of integers.
   *
   * @throws TensorFileException if it is no such matrix
   */
  public long rows() throws TensorFileException {
    requireMatrix();
    return shape.get(0);
  }

  /**
   * Columns of a matrix of integers, at least 1.
   *
   * @throws TensorFileException if it is no such matrix
   */
  public int columns() throws TensorFileException {
    requireMatrix();
    return length(shape.get(1));
  }

  /**
   * One row of a matrix of integers.
   *
   * @throws TensorFileException if it is no such matrix, or a value does not fit an int
   * @throws IndexOutOfBoundsException if there is no such row
   */
  public int[] row(long row) throws TensorFileException {
    requireMatrix();
    if (row < 0 || row >= shape.get(0)) {
      throw new IndexOutOfBoundsException(
          "row: %d (expected: below %d)".formatted(row, shape.get(0)));
    }
    int columns = columns();
    long[] wide = file.longs(dataStart + row * columns * dtype.bytes(), columns, dtype);
    int[] values = new int[columns];
    for (int i = 0; i < columns; i++) {
      values[i] = (int) wide[i];
      if (values[i] != wide[i]) {
        throw file.problem(
            "row %d, column %d: %s (expected: a 32-bit integer)"
                .formatted(
                    row,
                    i,
                    dtype == Dtype.U64 ? Long.toUnsignedString(wide[i]) : Long.toString(wide[i])));
      }
    }
    return values;
  }

  /**
   * All values of an array of floating point numbers, widened or rounded to float32.
   *
   * @throws TensorFileException if they are of another dtype, or more than an array can hold
   */
  public float[] floats() throws TensorFileException {
    if (!dtype.isFloating()) {
      throw file.problem("dtype %s (expected: a floating point dtype)".formatted(dtype));
    }
    return file.floats(dataStart, length(Shapes.count(shape)), dtype);
  }

  /**
   * All values of an array of integers; unsigned 64-bit ones keep their bits.
   *
   * @throws TensorFileException if they are of another dtype, or more than an array can hold
   */
  public long[] longs() throws TensorFileException {
    if (dtype.isFloating()) {
      throw file.problem("dtype %s (expected: an integer dtype)".formatted(dtype));
    }
    return file.longs(dataStart, length(Shapes.count(shape)), dtype);
  }

  @Override
  public void close() {
    file.close();
  }

  private void requireMatrix() throws TensorFileException {
    if (shape.size() != 2 || dtype.isFloating() || shape.get(1) == 0) {
      throw file.problem(
          "%s %s (expected: a matrix of integers, rows by columns)".formatted(dtype, shape));
    }
  }

  private int length(long count) throws TensorFileException {
    try {
      return Shapes.arrayLength(count);
    } catch (IllegalArgumentException e) {
      throw new TensorFileException(file.problem(e.getMessage()).getMessage(), e);
    }
  }

  private static NumpyFile read(FileBytes file) throws TensorFileException {
    ByteBuffer start =
        ByteBuffer.allocate((int) Math.min(12, file.size())).order(ByteOrder.LITTLE_ENDIAN);
    file.read(0, start);
    // "\x93NUMPY", then the version's two bytes
    if (start.limit() < 12 || (start.getLong(0) & 0xffffffffffffL) != 0x59504d554e93L) {
      throw file.problem("no NumPy header (expected: a .npy file)");
    }
    int version = start.get(6);
    if (version < 1 || version > 3) {
      throw file.problem("version %d (expected: 1, 2 or 3)".formatted(version));
    }
    int headerStart = version == 1 ? 10 : 12;
    long headerLength = version == 1 ? start.getShort(8) & 0xffff : start.getInt(8) & 0xffffffffL;
    long rest = file.size() - headerStart;
    if (headerLength > Math.min(rest, MAX_HEADER)) {
      throw file.problem(
          "header length %d (expected: at most %d)"
              .formatted(headerLength, Math.min(rest, MAX_HEADER)));
    }
    ByteBuffer header = ByteBuffer.allocate((int) headerLength);
    file.read(headerStart, header);
    return parse(
        file,
        new String(header.array(), StandardCharsets.UTF_8).strip(),
        headerStart + headerLength);
  }

  private static NumpyFile parse(FileBytes file, String header, long dataStart)
      throws TensorFileException {
    Map<String, String> items = items(file, header);
    String descr = items.get("descr").replace("'", "");
    Dtype dtype = DTYPES.get(descr);
    if (dtype == null) {
      throw file.problem(
          "dtype '%s' (expected one of %s)"
              .formatted(descr, DTYPES.keySet().stream().sorted().toList()));
    }
    if (!items.get("fortran_order").equals("False")) {
      throw file.problem(
          "fortran_order: %s (expected: False)".formatted(items.get("fortran_order")));
    }
    List<Long> shape;
    long bytes;
    try {
      shape =
          Stream.of(items.get("shape").replaceAll("[()\\s]", "").split(",", -1))
              .filter(number -> !number.isEmpty())
              .map(Long::valueOf)
              .toList();
      bytes = Shapes.bytes(shape, dtype);
    } catch (IllegalArgumentException e) {
      throw new TensorFileException(
          file.problem("shape %s: %s".formatted(items.get("shape"), e.getMessage())).getMessage(),
          e);
    }
    if (bytes != file.size() - dataStart) {
      throw file.problem(
          "%d bytes of data (expected: %d for %s %s)"
              .formatted(file.size() - dataStart, bytes, dtype, shape));
    }
    return new NumpyFile(file, dataStart, dtype, shape);
  }

  /** The header is a Python dict of exactly descr, fortran_order and shape, each once. */
  private static Map<String, String> items(FileBytes file, String header)
      throws TensorFileException {
    Map<String, String> items = new HashMap<>();
    boolean valid = header.startsWith("{") && header.endsWith("}");
    String body = valid ? header.substring(1, header.length() - 1).strip() : "";
    Matcher item = ITEM.matcher(body);
    int at = 0;
    while (valid && at < body.length()) {
      valid =
          item.region(at, body.length()).lookingAt()
              && items.put(item.group(1), item.group(2)) == null;
      at = valid ? item.end() : at;
    }
    if (!valid || !items.keySet().equals(Set.of("descr", "fortran_order", "shape"))) {
      throw file.problem(
          "header %s (expected: {'descr': '<i4', 'fortran_order': False, 'shape': (rows, columns), })"
              .formatted(header.substring(0, Math.min(header.length(), 100))));
    }
    return items;
  }
}
