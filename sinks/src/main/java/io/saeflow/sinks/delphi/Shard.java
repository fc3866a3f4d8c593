// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.tensorfile.Dtype;
import io.saeflow.schemas.tensorfile.SafetensorsWriter;
import io.saeflow.schemas.tensorfile.SafetensorsWriter.Declaration;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;

/**
 * Writes one feature range's entries as a safetensors file: {@code tokens} int64 [sequences,
 * context length]; {@code locations} [entries, 3] of (sequence, position, latent in the range),
 * ascending, uint16 or, where one does not fit, uint32; {@code activations} float16 [entries].
 */
final class Shard {
  private static final int BUFFER_BYTES = 1 << 18;

  private final TokenSpool tokens;
  private final EntrySpool entries;
  private final EndOfStream end;
  private final int contextLength;
  private final ByteBuffer in = littleEndian(BUFFER_BYTES);
  private final ByteBuffer out = littleEndian(BUFFER_BYTES);

  /**
   * @param tokens of all batches
   * @param entries of all batches, which hold the sequences in the order of their numbers
   */
  Shard(TokenSpool tokens, EntrySpool entries, EndOfStream end, int contextLength) {
    this.tokens = tokens;
    this.entries = entries;
    this.end = end;
    this.contextLength = contextLength;
  }

  static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Needs no more memory than its buffers, however many entries there are. */
  void write(Path file) throws IOException {
    Dtype coordinate = entries.largestCoordinate() <= 0xffff ? Dtype.U16 : Dtype.U32;
    List<Declaration> tensors =
        List.of(
            new Declaration("tokens", Dtype.I64, List.of(end.sequences(), (long) contextLength)),
            new Declaration("locations", coordinate, List.of(entries.entries(), 3L)),
            new Declaration("activations", Dtype.F16, List.of(entries.entries())));
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, tensors)) {
      writeTokens(writer);
      long[] batches = entries.batches();
      for (long batch : batches) {
        writeLocations(writer, batch, coordinate);
      }
      for (long batch : batches) {
        writeValues(writer, batch);
      }
    }
  }

  private void writeTokens(SafetensorsWriter writer) throws IOException {
    long left = end.sequences() * contextLength;
    long position = 0;
    while (left > 0) {
      int count = (int) Math.min(left, BUFFER_BYTES / Long.BYTES);
      position = tokens.read(in.clear().limit(count * Integer.BYTES), position);
      in.flip();
      out.clear();
      while (in.hasRemaining()) {
        out.putLong(in.getInt());
      }
      writer.write(out.flip());
      left -= count;
    }
  }

  private void writeLocations(SafetensorsWriter writer, long batch, Dtype coordinate)
      throws IOException {
    // 3 coordinates come out of an 8-byte pair: 6 bytes, or 12.
    int most = BUFFER_BYTES / (3 * coordinate.bytes());
    int firstSequence = Math.toIntExact(tokens.firstSequence(batch));
    int left = entries.entries(batch);
    long position = entries.locations(batch);
    while (left > 0) {
      int count = Math.min(left, Math.min(most, BUFFER_BYTES / EntrySpool.LOCATION_BYTES));
      position = entries.read(in.clear().limit(count * EntrySpool.LOCATION_BYTES), position);
      in.flip();
      out.clear();
      while (in.hasRemaining()) {
        int token = in.getInt();
        put(coordinate, firstSequence + token / contextLength);
        put(coordinate, token % contextLength);
        put(coordinate, in.getInt());
      }
      writer.write(out.flip());
      left -= count;
    }
  }

  private void put(Dtype coordinate, int value) {
    if (coordinate == Dtype.U16) {
      out.putShort((short) value);
    } else {
      out.putInt(value);
    }
  }

  private void writeValues(SafetensorsWriter writer, long batch) throws IOException {
    int left = entries.entries(batch);
    long position = entries.values(batch);
    while (left > 0) {
      int count = Math.min(left, BUFFER_BYTES / EntrySpool.VALUE_BYTES);
      position = entries.read(in.clear().limit(count * EntrySpool.VALUE_BYTES), position);
      writer.write(in.flip());
      left -= count;
    }
  }
}
