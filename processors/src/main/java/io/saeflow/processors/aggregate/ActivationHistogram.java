// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Counts of positive activations in bins 0.2 wide: bin b holds a in ((b - 1)·0.2, b·0.2], as in the
 * histograms that OpenAI published for its viewer.
 */
final class ActivationHistogram {
  private static final float BIN_WIDTH = 0.2f;

  private final SparseCounts counts = new SparseCounts();

  /** {@code ceil(a / 0.2)} in float32; the largest int for values beyond it. */
  static int bin(float activation) {
    return (int) Math.ceil(activation / BIN_WIDTH);
  }

  void add(float activation) {
    counts.add(bin(activation), 1);
  }

  List<Integer> bins() {
    return counts.keys();
  }

  List<Long> counts() {
    return counts.counts();
  }

  int bytes() {
    return counts.bytes();
  }

  void writeTo(ByteBuffer out) {
    counts.writeTo(out);
  }

  void readFrom(ByteBuffer in) {
    counts.readFrom(in);
  }
}
