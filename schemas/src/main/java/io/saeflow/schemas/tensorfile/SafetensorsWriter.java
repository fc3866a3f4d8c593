// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Writes a safetensors file as a stream: the tensors are declared first, then their bytes follow in
 * the order of the declarations, so no tensor need fit in memory. The same declarations and bytes
 * give the same file. Whoever reads while it is written sees a broken file: write to another name
 * and move it into place after {@link #close}.
 */
public final class SafetensorsWriter implements AutoCloseable {
  private static final JsonFactory JSON = new JsonFactory();

  private final Path path;
  private final FileChannel channel;
  private final long declared;
  private long written;

  /**
   * One tensor to be written.
   *
   * @param shape no dimension below 0; empty for a scalar
   */
  public record Declaration(String name, Dtype dtype, List<Long> shape) {
    public Declaration {
      shape = List.copyOf(shape);
      Shapes.bytes(shape, dtype);
    }

    long bytes() {
      return Shapes.bytes(shape, dtype);
    }
  }

  private SafetensorsWriter(Path path, FileChannel channel, long declared) {
    this.path = path;
    this.channel = channel;
    this.declared = declared;
  }

  /**
   * Creates or replaces the file at {@code path} and writes its header.
   *
   * @throws IllegalArgumentException if two tensors have one name
   */
  public static SafetensorsWriter create(Path path, List<Declaration> declarations)
      throws IOException {
    ByteBuffer header = header(declarations);
    long declared = declarations.stream().mapToLong(Declaration::bytes).reduce(0, Math::addExact);
    FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
    try {
      writeFully(channel, header);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    return new SafetensorsWriter(path, channel, declared);
  }

  /**
   * Appends the remaining bytes of {@code data}, little-endian values; they may end in the middle
   * of a tensor or span several.
   *
   * @throws IllegalStateException if they are more than was declared; nothing is written then
   */
  public void write(ByteBuffer data) throws IOException {
    if (data.remaining() > declared - written) {
      throw new IllegalStateException(
          "%s: %d bytes of tensors (expected: %d, as declared)"
              .formatted(path, written + data.remaining(), declared));
    }
    written += data.remaining();
    writeFully(channel, data);
  }

  /**
   * Brings the file to the disk and closes it.
   *
   * @throws IllegalStateException if fewer bytes were written than declared; the file is closed,
   *     and broken
   */
  @Override
  public void close() throws IOException {
    if (!channel.isOpen()) {
      return;
    }
    try (channel) {
      if (written != declared) {
        throw new IllegalStateException(
            "%s: %d bytes of tensors (expected: %d, as declared)"
                .formatted(path, written, declared));
      }
      channel.force(true);
    }
  }

  private static ByteBuffer header(List<Declaration> declarations) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Set<String> names = new HashSet<>();
    try (JsonGenerator json = JSON.createGenerator(bytes)) {
      json.writeStartObject();
      long begin = 0;
      for (Declaration declaration : declarations) {
        if (!names.add(declaration.name) || declaration.name.equals("__metadata__")) {
          throw new IllegalArgumentException(
              "tensor '%s' (expected: distinct names other than __metadata__)"
                  .formatted(declaration.name));
        }
        long end = Math.addExact(begin, declaration.bytes());
        json.writeObjectFieldStart(declaration.name);
        json.writeStringField("dtype", declaration.dtype.name());
        writeNumbers(json, "shape", declaration.shape);
        writeNumbers(json, "data_offsets", List.of(begin, end));
        json.writeEndObject();
        begin = end;
      }
      json.writeEndObject();
    }
    int padded = (bytes.size() + 7) / 8 * 8;
    byte[] text = Arrays.copyOf(bytes.toByteArray(), padded);
    Arrays.fill(text, bytes.size(), padded, (byte) ' ');
    return ByteBuffer.allocate(8 + padded)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(padded)
        .put(text)
        .flip();
  }

  private static void writeNumbers(JsonGenerator json, String field, List<Long> numbers)
      throws IOException {
    json.writeArrayFieldStart(field);
    for (long number : numbers) {
      json.writeNumber(number);
    }
    json.writeEndArray();
  }

  private static void writeFully(FileChannel channel, ByteBuffer data) throws IOException {
    while (data.hasRemaining()) {
      channel.write(data);
    }
  }
}
