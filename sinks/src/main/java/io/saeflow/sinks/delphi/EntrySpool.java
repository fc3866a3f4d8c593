// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.tensorfile.Half;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * One partition's entries, batch by batch as they came: a header, each entry's token in the batch
 * and its latent in the range (int32 pairs), then each entry's value (float16).
 *
 * <p>The header has the batch's number and first sequence (int64), how many sequences and entries
 * it has, how many of its values were clamped (int32), and its largest coordinate (int64), so that
 * the file alone says what is in it.
 */
final class EntrySpool implements Closeable {
  static final int LOCATION_BYTES = 2 * Integer.BYTES;
  static final int VALUE_BYTES = Short.BYTES;

  private static final int HEADER_BYTES = 3 * Long.BYTES + 3 * Integer.BYTES;

  private static final short LARGEST = Half.fromFloat(65504);
  private static final short INFINITY = Half.fromFloat(Float.POSITIVE_INFINITY);
  private static final int MAGNITUDE = 0x7fff;

  private final SpoolFile file;
  private final FeatureRange range;
  private final ByteBuffer buffer;
  private final BatchIndex batches = new BatchIndex();
  private long end;
  private long sequences;
  private long sequencesTo;
  private long entries;
  private long clamped;
  private long largestCoordinate;
  private @Nullable EndOfStream endOfStream;

  /**
   * @param range the latents that may come
   * @param buffer little-endian, for use during a call
   */
  EntrySpool(SpoolFile file, FeatureRange range, ByteBuffer buffer) {
    this.file = file;
    this.range = range;
    this.buffer = buffer;
  }

  FeatureRange range() {
    return range;
  }

  /** Appends a batch; does nothing if it is here already. */
  void add(LatentBatch batch) throws IOException, MalformedMessageException {
    if (batches.contains(batch.number())) {
      return;
    }
    Header header =
        new Header(
            batch.number(),
            batch.batch().firstSequence(),
            batch.batch().sequences(),
            batch.size(),
            clamped(batch),
            largestCoordinate(batch));
    take(header, end);
    buffer.clear();
    header.write(buffer);
    writeLocations(batch);
    writeValues(batch);
    drain(buffer.capacity());
  }

  /**
   * Takes up what an earlier process left, and cuts off what it wrote after it last saved.
   *
   * @param length of the file when it was saved
   * @param last the last end of the stream that had been seen by then
   * @param tokens learns which batches there are
   * @throws MalformedMessageException if the file is not what was saved
   */
  void restore(long length, @Nullable EndOfStream last, TokenSpool tokens)
      throws IOException, MalformedMessageException {
    if (length < 0 || file.size() < length) {
      throw new MalformedMessageException(
          "entries of range %d: %d bytes (expected: %d, as saved)"
              .formatted(range.index(), file.size(), length));
    }
    file.truncate(length);
    while (end < length) {
      if (length - end < HEADER_BYTES) {
        throw damaged(length);
      }
      file.read(buffer.clear().limit(HEADER_BYTES), end);
      Header header = Header.read(buffer.flip());
      long next = end + header.batchBytes();
      if (!header.possible() || next > length || batches.contains(header.number)) {
        throw damaged(length);
      }
      take(header, end);
      tokens.restore(header.number, header.firstSequence, header.sequences);
      end = next;
    }
    endOfStream = last;
  }

  /** How many bytes the file has. */
  long length() {
    return end;
  }

  /** The last end of the stream that came; null if none did. */
  @Nullable EndOfStream endOfStream() {
    return endOfStream;
  }

  void force() throws IOException {
    file.force();
  }

  void add(EndOfStream message) {
    if (endOfStream == null || message.sequences() > endOfStream.sequences()) {
      endOfStream = message;
    }
  }

  /** The last end of the stream, if every sequence up to it is here and none beyond; else null. */
  @Nullable EndOfStream completed() {
    return endOfStream != null
            && sequences == endOfStream.sequences()
            && sequencesTo == endOfStream.sequences()
        ? endOfStream
        : null;
  }

  /** The sequences of {@link #completed}, -1 if there is none. */
  long completedSequences() {
    EndOfStream end = completed();
    return end == null ? -1 : end.sequences();
  }

  /** The numbers of the batches, ascending. */
  long[] batches() {
    return batches.numbers();
  }

  /** How many entries there are. */
  long entries() {
    return entries;
  }

  /** How many entries of batch {@code batch} there are. */
  int entries(long batch) {
    return batches.length(batch);
  }

  /** How many values did not fit into float16 and became its largest. */
  long clamped() {
    return clamped;
  }

  /** The largest row, position or latent of any entry, as the shard counts them. */
  long largestCoordinate() {
    return largestCoordinate;
  }

  /** Where the token and latent pairs of batch {@code batch} begin. */
  long locations(long batch) {
    return batches.start(batch) + HEADER_BYTES;
  }

  /** Where the values of batch {@code batch} begin. */
  long values(long batch) {
    return locations(batch) + (long) LOCATION_BYTES * batches.length(batch);
  }

  /** Fills {@code into}; returns the position to go on from. */
  long read(ByteBuffer into, long position) throws IOException {
    return file.read(into, position);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  private void take(Header header, long start) throws MalformedMessageException {
    batches.put(header.number, start, header.entries);
    sequences += header.sequences;
    sequencesTo = Math.max(sequencesTo, header.firstSequence + header.sequences);
    entries += header.entries;
    clamped += header.clamped;
    largestCoordinate = Math.max(largestCoordinate, header.largestCoordinate);
  }

  private MalformedMessageException damaged(long length) {
    return new MalformedMessageException(
        "entries of range %d: no batch at %d (expected: one after the other up to %d)"
            .formatted(range.index(), end, length));
  }

  private static int clamped(LatentBatch batch) {
    int count = 0;
    for (float value : batch.values()) {
      if ((Half.fromFloat(value) & MAGNITUDE) == INFINITY) {
        count++;
      }
    }
    return count;
  }

  private long largestCoordinate(LatentBatch batch) {
    int[] offsets = batch.offsets();
    int contextLength = batch.batch().contextLength();
    long largest = 0;
    for (int token = 0; token < offsets.length - 1; token++) {
      if (offsets[token] < offsets[token + 1]) {
        largest = Math.max(largest, batch.batch().firstSequence() + token / contextLength);
        largest = Math.max(largest, token % contextLength);
        largest = Math.max(largest, batch.latents()[offsets[token + 1] - 1] - range.from());
      }
    }
    return largest;
  }

  private void writeLocations(LatentBatch batch) throws IOException {
    int[] offsets = batch.offsets();
    int[] latents = batch.latents();
    for (int token = 0; token < offsets.length - 1; token++) {
      for (int entry = offsets[token]; entry < offsets[token + 1]; entry++) {
        drain(LOCATION_BYTES);
        buffer.putInt(token).putInt(latents[entry] - range.from());
      }
    }
  }

  private void writeValues(LatentBatch batch) throws IOException {
    for (float value : batch.values()) {
      short half = Half.fromFloat(value);
      if ((half & MAGNITUDE) == INFINITY) {
        half = (short) ((half & ~MAGNITUDE) | LARGEST);
      }
      drain(VALUE_BYTES);
      buffer.putShort(half);
    }
  }

  /** Makes room for {@code bytes} in the buffer. */
  private void drain(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      end = file.write(buffer.flip(), end);
      buffer.clear();
    }
  }

  private record Header(
      long number,
      long firstSequence,
      int sequences,
      int entries,
      int clamped,
      long largestCoordinate) {
    void write(ByteBuffer to) {
      to.putLong(number).putLong(firstSequence).putInt(sequences);
      to.putInt(entries).putInt(clamped).putLong(largestCoordinate);
    }

    static Header read(ByteBuffer from) {
      return new Header(
          from.getLong(),
          from.getLong(),
          from.getInt(),
          from.getInt(),
          from.getInt(),
          from.getLong());
    }

    boolean possible() {
      return number >= 0
          && firstSequence >= 0
          && sequences >= 0
          && entries >= 0
          && clamped >= 0
          && clamped <= entries
          && largestCoordinate >= 0;
    }

    /** Of the batch in the file, with this header. */
    long batchBytes() {
      return HEADER_BYTES + (long) (LOCATION_BYTES + VALUE_BYTES) * entries;
    }
  }
}
