// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.kernels.aggregate.EntriesByLatent;
import io.saeflow.schemas.feature.WindowEncoder;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.Arrays;

/** Makes firings, with their windows, out of a batch's entries. */
final class WindowCutter {
  private static final long NO_DOCUMENT = -1;

  private final int window;
  private final EntriesByLatent entries;
  private final WindowEncoder encoder = new WindowEncoder();

  /** Where each of the batch's tokens is from. */
  private long[] documents = {};

  /**
   * @param window tokens to keep around a firing
   * @param entries of the batch that firings are made of
   */
  WindowCutter(int window, EntriesByLatent entries) {
    this.window = window;
    this.entries = entries;
  }

  /** To be called before firings of a batch are made. */
  void begin(TokenBatch batch) {
    int length = batch.contextLength();
    documents = new long[batch.tokens().length];
    Arrays.fill(documents, NO_DOCUMENT);
    for (int row = 0; row < batch.sequences(); row++) {
      for (DocumentSpan span : batch.documents().get(row)) {
        // The spans after it overwrite what is theirs.
        Arrays.fill(documents, row * length + span.start(), (row + 1) * length, span.document());
      }
    }
  }

  /**
   * The firing of entry {@code at}.
   *
   * @param batch the one that was begun
   * @param from the feature's first entry in the sequence
   * @param to one more than its last
   */
  Firing cut(TokenBatch batch, long rank, int at, int from, int to) {
    int length = Math.min(window, batch.contextLength());
    int row = entries.token(at) / batch.contextLength();
    int position = entries.token(at) % batch.contextLength();
    int start = Math.max(0, Math.min(position - length / 2, batch.contextLength() - length));
    int first = row * batch.contextLength() + start;
    encoder.start(length);
    for (int i = from; i < to; i++) {
      int place = entries.token(i) - first;
      if (place >= 0 && place < length) {
        encoder.addActivation(place, entries.value(i));
      }
    }
    return new Firing(
        rank,
        batch.firstSequence() + row,
        position,
        entries.value(at),
        encoder.finish(documents[entries.token(at)], start, batch.tokens(), first));
  }
}
