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
 * One partition's entries, batch by batch as they came: first each entry's token in the batch and
 * its latent in the range (int32 pairs), then each entry's value (float16).
 */
final class EntrySpool implements Closeable {
  static final int LOCATION_BYTES = 2 * Integer.BYTES;
  static final int VALUE_BYTES = Short.BYTES;

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

  void add(LatentBatch batch) throws IOException, MalformedMessageException {
    if (!batch.range().equals(range)) {
      throw new MalformedMessageException(
          "feature range of batch %d: %s (expected: %s)"
              .formatted(batch.number(), batch.range(), range));
    }
    if (batches.contains(batch.number())) {
      throw new MalformedMessageException(
          "batch number: %d (expected: each number once in a partition)".formatted(batch.number()));
    }
    batches.put(batch.number(), end, batch.size());
    sequences += batch.batch().sequences();
    sequencesTo = Math.max(sequencesTo, batch.batch().firstSequence() + batch.batch().sequences());
    entries += batch.size();
    writeLocations(batch);
    writeValues(batch);
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
    return batches.start(batch);
  }

  /** Where the values of batch {@code batch} begin. */
  long values(long batch) {
    return batches.start(batch) + (long) LOCATION_BYTES * batches.length(batch);
  }

  /** Fills {@code into}; returns the position to go on from. */
  long read(ByteBuffer into, long position) throws IOException {
    return file.read(into, position);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  private void writeLocations(LatentBatch batch) throws IOException {
    int[] offsets = batch.offsets();
    int[] latents = batch.latents();
    int contextLength = batch.batch().contextLength();
    buffer.clear();
    for (int token = 0; token < offsets.length - 1; token++) {
      if (offsets[token] == offsets[token + 1]) {
        continue;
      }
      largestCoordinate =
          Math.max(largestCoordinate, batch.batch().firstSequence() + token / contextLength);
      largestCoordinate = Math.max(largestCoordinate, token % contextLength);
      largestCoordinate =
          Math.max(largestCoordinate, latents[offsets[token + 1] - 1] - range.from());
      for (int entry = offsets[token]; entry < offsets[token + 1]; entry++) {
        drain(LOCATION_BYTES);
        buffer.putInt(token).putInt(latents[entry] - range.from());
      }
    }
    drain(buffer.capacity());
  }

  private void writeValues(LatentBatch batch) throws IOException {
    for (float value : batch.values()) {
      short half = Half.fromFloat(value);
      if ((half & MAGNITUDE) == INFINITY) {
        half = (short) ((half & ~MAGNITUDE) | LARGEST);
        clamped++;
      }
      drain(VALUE_BYTES);
      buffer.putShort(half);
    }
    drain(buffer.capacity());
  }

  /** Makes room for {@code bytes} in the buffer. */
  private void drain(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      end = file.write(buffer.flip(), end);
      buffer.clear();
    }
  }
}
