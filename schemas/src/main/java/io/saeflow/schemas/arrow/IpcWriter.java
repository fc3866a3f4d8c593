// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import io.saeflow.schemas.tensorfile.Half;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.vector.ipc.message.IpcOption;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Writes one IPC stream (schema, at most one record batch, end) from heap arrays into one array,
 * each value copied once. Nodes and buffers are added in the schema's depth-first order.
 */
final class IpcWriter {
  private static final int ALIGNMENT = 8;
  private static final int PREFIX_BYTES = 8;

  private final List<Long> nodes = new ArrayList<>();
  private final List<Section> sections = new ArrayList<>();
  private long bodyLength;

  /** A column's node: how many values it has, none of them null. */
  IpcWriter node(long length) {
    nodes.add(length);
    return this;
  }

  /** The validity bitmap, left out since nothing is null. */
  IpcWriter validity() {
    return section(0, body -> {});
  }

  IpcWriter ints(int[] values) {
    return section(4L * values.length, body -> body.asIntBuffer().put(values));
  }

  IpcWriter longs(long[] values) {
    return section(8L * values.length, body -> body.asLongBuffer().put(values));
  }

  IpcWriter floats(float[] values) {
    return section(4L * values.length, body -> body.asFloatBuffer().put(values));
  }

  /** Rounded to float16. */
  IpcWriter halves(float[] values) {
    return section(
        2L * values.length,
        body -> {
          for (float value : values) {
            body.putShort(Half.fromFloat(value));
          }
        });
  }

  IpcWriter bytes(byte[] values) {
    return section(values.length, body -> body.put(values));
  }

  /** A stream of the schema alone. */
  static byte[] schemaOnly(Schema schema) {
    ByteBuffer header = MessageSerializer.serializeMetadata(schema, IpcOption.DEFAULT);
    byte[] bytes = new byte[Math.toIntExact(framed(header) + PREFIX_BYTES)];
    ByteBuffer out = littleEndian(bytes);
    putFramed(out, header);
    putEnd(out);
    return bytes;
  }

  /** A stream of the schema and one batch of {@code rows} rows. */
  byte[] write(Schema schema, int rows) {
    ByteBuffer header = MessageSerializer.serializeMetadata(schema, IpcOption.DEFAULT);
    ByteBuffer batch = batchHeader(rows);
    byte[] bytes =
        new byte[Math.toIntExact(framed(header) + framed(batch) + bodyLength + PREFIX_BYTES)];
    ByteBuffer out = littleEndian(bytes);
    putFramed(out, header);
    putFramed(out, batch);
    for (Section section : sections) {
      int start = out.position();
      section.content.accept(out.duplicate().order(ByteOrder.LITTLE_ENDIAN));
      out.position(start + Math.toIntExact(padded(section.length)));
    }
    putEnd(out);
    return bytes;
  }

  private IpcWriter section(long length, Consumer<ByteBuffer> content) {
    sections.add(new Section(bodyLength, length, content));
    bodyLength += padded(length);
    return this;
  }

  private ByteBuffer batchHeader(int rows) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    // FlatBuffers build vectors from the back.
    RecordBatch.startNodesVector(builder, nodes.size());
    for (int i = nodes.size() - 1; i >= 0; i--) {
      FieldNode.createFieldNode(builder, nodes.get(i), 0);
    }
    int nodesOffset = builder.endVector();
    RecordBatch.startBuffersVector(builder, sections.size());
    for (int i = sections.size() - 1; i >= 0; i--) {
      Buffer.createBuffer(builder, sections.get(i).offset, sections.get(i).length);
    }
    int buffersOffset = builder.endVector();
    RecordBatch.startRecordBatch(builder);
    RecordBatch.addLength(builder, rows);
    RecordBatch.addNodes(builder, nodesOffset);
    RecordBatch.addBuffers(builder, buffersOffset);
    int batch = RecordBatch.endRecordBatch(builder);
    return MessageSerializer.serializeMessage(
        builder, MessageHeader.RecordBatch, batch, bodyLength, IpcOption.DEFAULT);
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static long framed(ByteBuffer header) {
    return PREFIX_BYTES + padded(header.remaining());
  }

  private static void putFramed(ByteBuffer out, ByteBuffer header) {
    int length = Math.toIntExact(padded(header.remaining()));
    out.putInt(MessageSerializer.IPC_CONTINUATION_TOKEN).putInt(length);
    int start = out.position();
    out.put(header).position(start + length);
  }

  private static void putEnd(ByteBuffer out) {
    out.putInt(MessageSerializer.IPC_CONTINUATION_TOKEN).putInt(0);
  }

  private static long padded(long length) {
    return (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private record Section(long offset, long length, Consumer<ByteBuffer> content) {}
}
