// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The token matrix, which every shard repeats: int32 [sequences, context length], in the order of
 * sequences. Each partition brings the tokens of every batch; the first to come is kept.
 */
final class TokenSpool implements Closeable {
  /** Of a row in 32 bits, as shards hold them, with room for a batch above it. */
  private static final long MOST_SEQUENCES = 1L << 31;

  private final SpoolFile file;
  private final int contextLength;
  private final ByteBuffer buffer;
  private final BatchIndex sequences = new BatchIndex();

  /**
   * @param buffer little-endian, for use during a call
   */
  TokenSpool(SpoolFile file, int contextLength, ByteBuffer buffer) {
    this.file = file;
    this.contextLength = contextLength;
    this.buffer = buffer;
  }

  void add(TokenBatch batch) throws IOException, MalformedMessageException {
    if (batch.firstSequence() + batch.sequences() > MOST_SEQUENCES) {
      throw new MalformedMessageException(
          "first sequence of batch %d: %d (expected: below %d)"
              .formatted(batch.number(), batch.firstSequence(), MOST_SEQUENCES));
    }
    if (sequences.contains(batch.number())) {
      if (sequences.start(batch.number()) != batch.firstSequence()
          || sequences.length(batch.number()) != batch.sequences()) {
        throw new MalformedMessageException(
            "batch %d: %d sequences from %d (expected: %d from %d, as in another partition)"
                .formatted(
                    batch.number(),
                    batch.sequences(),
                    batch.firstSequence(),
                    sequences.length(batch.number()),
                    sequences.start(batch.number())));
      }
      return;
    }
    sequences.put(batch.number(), batch.firstSequence(), batch.sequences());
    long position = batch.firstSequence() * contextLength * Integer.BYTES;
    buffer.clear();
    for (int token : batch.tokens()) {
      if (buffer.remaining() < Integer.BYTES) {
        position = file.write(buffer.flip(), position);
        buffer.clear();
      }
      buffer.putInt(token);
    }
    file.write(buffer.flip(), position);
  }

  /**
   * Takes note of a batch whose tokens are in the file already.
   *
   * @throws MalformedMessageException if they are not
   */
  void restore(long number, long firstSequence, int count)
      throws IOException, MalformedMessageException {
    if (sequences.contains(number)) {
      return;
    }
    long end = (firstSequence + count) * contextLength * Integer.BYTES;
    if (firstSequence + count > MOST_SEQUENCES || file.size() < end) {
      throw new MalformedMessageException(
          "tokens: %d bytes (expected: %d, for batch %d)".formatted(file.size(), end, number));
    }
    sequences.put(number, firstSequence, count);
  }

  void force() throws IOException {
    file.force();
  }

  long firstSequence(long batch) {
    return sequences.start(batch);
  }

  /**
   * Checks that the batches, in their order, hold each sequence once.
   *
   * @param batches the numbers of batches that are here, ascending
   */
  void requireContiguous(long[] batches) throws MalformedMessageException {
    long next = 0;
    for (long batch : batches) {
      if (sequences.start(batch) != next) {
        throw new MalformedMessageException(
            "first sequence of batch %d: %d (expected: %d)"
                .formatted(batch, sequences.start(batch), next));
      }
      next += sequences.length(batch);
    }
  }

  /** Fills {@code into} with tokens as int32; returns the position to go on from. */
  long read(ByteBuffer into, long position) throws IOException {
    return file.read(into, position);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
