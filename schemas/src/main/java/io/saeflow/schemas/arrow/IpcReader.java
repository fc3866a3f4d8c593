// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.arrow;

import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.tensorfile.Half;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Reads one IPC stream of a schema and at most one record batch, out of one array.
 *
 * <p>Bytes are untrusted: every length is checked against the array before anything is allocated,
 * so at most the input's size is. Nodes and buffers are taken in the schema's depth-first order.
 */
final class IpcReader {
  private static final int PREFIX_BYTES = 8;
  private static final int MAX_FIELDS = 16;
  private static final int MAX_METADATA = 16;
  private static final Set<Byte> TYPES =
      Set.of(Type.Int, Type.FloatingPoint, Type.Utf8, Type.List, Type.FixedSizeList, Type.Struct_);

  private final ByteBuffer bytes;
  private final Schema schema;
  private RecordBatch batch = new RecordBatch();
  private int body;
  private long bodyLength;
  private int nextNode;
  private int nextBuffer;

  private IpcReader(ByteBuffer bytes) throws MalformedMessageException {
    this.bytes = bytes;
    Message message = message("schema", MessageHeader.Schema);
    requireSmall(
        (org.apache.arrow.flatbuf.Schema) message.header(new org.apache.arrow.flatbuf.Schema()));
    this.schema = MessageSerializer.deserializeSchema(message);
  }

  /**
   * Opens a stream and reads its schema. FlatBuffers do not verify themselves: callers turn any
   * {@link RuntimeException} of this class into a {@link MalformedMessageException}.
   */
  static IpcReader open(byte[] bytes) throws MalformedMessageException {
    return new IpcReader(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
  }

  Schema schema() {
    return schema;
  }

  /** Reads the record batch's header and returns how many rows it has. */
  int rows() throws MalformedMessageException {
    Message message = message("record batch", MessageHeader.RecordBatch);
    bodyLength = message.bodyLength();
    body = bytes.position();
    if (bodyLength < 0 || bodyLength > bytes.remaining()) {
      throw new MalformedMessageException(
          "record batch body: %d bytes (expected: at most the remaining %d)"
              .formatted(bodyLength, bytes.remaining()));
    }
    batch = (RecordBatch) message.header(batch);
    if (batch.compression() != null) {
      throw new MalformedMessageException("record batch: compressed (expected: uncompressed)");
    }
    return count("rows", batch.length());
  }

  /** The next node's number of values. */
  int node(String column) throws MalformedMessageException {
    if (nextNode >= batch.nodesLength()) {
      throw new MalformedMessageException("column %s: missing".formatted(column));
    }
    FieldNode node = batch.nodes(nextNode++);
    if (node.nullCount() != 0) {
      throw new MalformedMessageException(
          "column %s: %d nulls (expected: none)".formatted(column, node.nullCount()));
    }
    return count(column, node.length());
  }

  /** The next node's number of values, which must be {@code expected}. */
  void node(String column, long expected) throws MalformedMessageException {
    int length = node(column);
    if (length != expected) {
      throw new MalformedMessageException(
          "column %s: %d values (expected: %d)".formatted(column, length, expected));
    }
  }

  /** Skips a validity bitmap: there are no nulls. */
  void validity(String column) throws MalformedMessageException {
    buffer(column, 0);
  }

  int[] ints(String column, long count) throws MalformedMessageException {
    ByteBuffer data = buffer(column, 4 * count);
    int[] values = new int[Math.toIntExact(count)];
    data.asIntBuffer().get(values);
    return values;
  }

  long[] longs(String column, long count) throws MalformedMessageException {
    ByteBuffer data = buffer(column, 8 * count);
    long[] values = new long[Math.toIntExact(count)];
    data.asLongBuffer().get(values);
    return values;
  }

  float[] floats(String column, long count) throws MalformedMessageException {
    ByteBuffer data = buffer(column, 4 * count);
    float[] values = new float[Math.toIntExact(count)];
    data.asFloatBuffer().get(values);
    return values;
  }

  /** Of float16; exact. */
  float[] halves(String column, long count) throws MalformedMessageException {
    ByteBuffer data = buffer(column, 2 * count);
    float[] values = new float[Math.toIntExact(count)];
    for (int i = 0; i < values.length; i++) {
      values[i] = Half.toFloat(data.getShort(2 * i));
    }
    return values;
  }

  byte[] bytes(String column, long count) throws MalformedMessageException {
    ByteBuffer data = buffer(column, count);
    byte[] values = new byte[Math.toIntExact(count)];
    data.get(values);
    return values;
  }

  /** List offsets: {@code lists + 1} ascending numbers from 0. */
  int[] offsets(String column, int lists) throws MalformedMessageException {
    int[] offsets = ints(column, lists + 1L);
    if (offsets[0] != 0) {
      throw new MalformedMessageException(
          "column %s: first offset %d (expected: 0)".formatted(column, offsets[0]));
    }
    for (int i = 0; i < lists; i++) {
      if (offsets[i] > offsets[i + 1]) {
        throw new MalformedMessageException(
            "column %s: offset %d at %d (expected: at most the next, %d)"
                .formatted(column, offsets[i], i, offsets[i + 1]));
      }
    }
    return offsets;
  }

  private ByteBuffer buffer(String column, long needed) throws MalformedMessageException {
    if (nextBuffer >= batch.buffersLength()) {
      throw new MalformedMessageException("column %s: buffer missing".formatted(column));
    }
    Buffer buffer = batch.buffers(nextBuffer++);
    long offset = buffer.offset();
    long length = buffer.length();
    if (offset < 0 || length < 0 || offset > bodyLength || length > bodyLength - offset) {
      throw new MalformedMessageException(
          "column %s: buffer of %d bytes at %d (expected: inside a body of %d)"
              .formatted(column, length, offset, bodyLength));
    }
    if (length < needed) {
      throw new MalformedMessageException(
          "column %s: buffer of %d bytes (expected: %d)".formatted(column, length, needed));
    }
    return bytes
        .slice(Math.toIntExact(body + offset), Math.toIntExact(length))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  private Message message(String what, byte type) throws MalformedMessageException {
    if (bytes.remaining() < PREFIX_BYTES) {
      throw new MalformedMessageException("%s: missing (message ends early)".formatted(what));
    }
    int continuation = bytes.getInt();
    int length = bytes.getInt();
    if (continuation != MessageSerializer.IPC_CONTINUATION_TOKEN
        || length <= 0
        || length > bytes.remaining()) {
      throw new MalformedMessageException(
          "%s: header of %d bytes after marker %d (expected: marker -1, then 1 to %d bytes)"
              .formatted(what, length, continuation, bytes.remaining()));
    }
    ByteBuffer header = bytes.slice(bytes.position(), length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.position(bytes.position() + length);
    Message message = Message.getRootAsMessage(header);
    if (message.headerType() != type) {
      throw new MalformedMessageException(
          "%s: message of type %d (expected: %d)".formatted(what, message.headerType(), type));
    }
    return message;
  }

  /**
   * FlatBuffers are graphs: tables that share their children unfold without end, and one long text
   * may stand for a thousand. So no schema is made of more than ours are.
   */
  private static void requireSmall(org.apache.arrow.flatbuf.Schema schema)
      throws MalformedMessageException {
    requireAtMost("metadata", MAX_METADATA, schema.customMetadataLength());
    int fields = 0;
    Deque<Field> left = new ArrayDeque<>();
    for (int i = requireAtMost("columns", MAX_FIELDS, schema.fieldsLength()); i > 0; i--) {
      left.add(schema.fields(i - 1));
    }
    while (!left.isEmpty()) {
      Field field = left.remove();
      requireAtMost("fields", MAX_FIELDS, ++fields);
      requireAtMost("a field's metadata", 0, field.customMetadataLength());
      if (!TYPES.contains(field.typeType())) {
        throw new MalformedMessageException(
            "schema: a field of type %d (expected one of %s)".formatted(field.typeType(), TYPES));
      }
      int children = requireAtMost("a field's children", MAX_FIELDS, field.childrenLength());
      for (int i = 0; i < children; i++) {
        left.add(field.children(i));
      }
    }
  }

  private static int requireAtMost(String what, int limit, int count)
      throws MalformedMessageException {
    if (count < 0 || count > limit) {
      throw new MalformedMessageException(
          "schema: %s: %d (expected: at most %d)".formatted(what, count, limit));
    }
    return count;
  }

  private int count(String column, long value) throws MalformedMessageException {
    // No column of ours takes less than a byte a value but nested lists, which hold offsets.
    if (value < 0 || value > Math.max(bodyLength, 0)) {
      throw new MalformedMessageException(
          "column %s: %d values (expected: 0 to %d)".formatted(column, value, bodyLength));
    }
    return (int) value;
  }
}
