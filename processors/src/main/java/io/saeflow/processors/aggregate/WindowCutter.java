// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.kernels.aggregate.EntriesByLatent;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.TokenBatch;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/** Makes firings, with their windows, out of a batch's entries. */
final class WindowCutter {
  private static final int MAX_VAR_INT_BYTES = 5;

  private final int window;
  private final EntriesByLatent entries;
  private ByteBuffer out = ByteBuffer.allocate(0);

  /**
   * @param window tokens to keep around a firing
   * @param entries of the batch that firings are made of
   */
  WindowCutter(int window, EntriesByLatent entries) {
    this.window = window;
    this.entries = entries;
  }

  /**
   * The firing of entry {@code at}.
   *
   * @param from the feature's first entry in the sequence
   * @param to one more than its last
   */
  Firing cut(TokenBatch batch, long rank, int at, int from, int to) {
    int length = Math.min(window, batch.contextLength());
    int row = entries.token(at) / batch.contextLength();
    int position = entries.token(at) % batch.contextLength();
    int start = Math.max(0, Math.min(position - length / 2, batch.contextLength() - length));
    int first = row * batch.contextLength() + start;
    return new Firing(
        rank,
        batch.firstSequence() + row,
        position,
        entries.value(at),
        documentAt(batch.documents().get(row), position),
        start,
        length,
        bytes(batch.tokens(), first, length, from, to));
  }

  private byte[] bytes(int[] tokens, int first, int length, int from, int to) {
    int most = length * (2 * MAX_VAR_INT_BYTES + Float.BYTES) + MAX_VAR_INT_BYTES;
    if (out.capacity() < most) {
      out = ByteBuffer.allocate(most);
    }
    out.clear();
    for (int t = first; t < first + length; t++) {
      putVarInt(tokens[t]);
    }
    for (int i = from; i < to; i++) {
      int at = entries.token(i) - first;
      if (at >= 0 && at < length) {
        putVarInt(at);
        out.putFloat(entries.value(i));
      }
    }
    putVarInt(length);
    return Arrays.copyOf(out.array(), out.position());
  }

  private void putVarInt(int value) {
    int rest = value;
    while ((rest & ~0x7f) != 0) {
      out.put((byte) (rest | 0x80));
      rest >>>= 7;
    }
    out.put((byte) rest);
  }

  private static long documentAt(List<DocumentSpan> spans, int position) {
    long document = -1;
    for (DocumentSpan span : spans) {
      if (span.start() > position) {
        break;
      }
      document = span.document();
    }
    return document;
  }
}
