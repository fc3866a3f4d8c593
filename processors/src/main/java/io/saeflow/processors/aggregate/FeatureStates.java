// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;

/**
 * A part of what is known of each feature of a range, saved piece by piece: those of feature f are
 * {@code [f * pieces(), (f + 1) * pieces())}.
 */
interface FeatureStates {
  /** In how many pieces a feature's state is saved, each when it changes. */
  default int pieces() {
    return 1;
  }

  /** How many bytes {@link #writeTo} writes. */
  int bytes(int piece);

  void writeTo(ByteBuffer out, int piece);

  /**
   * Takes all the bytes that {@link #writeTo} wrote in place of what is there: nothing, or what the
   * same piece was earlier, which had no more in it.
   */
  void readFrom(ByteBuffer in, int piece);
}
