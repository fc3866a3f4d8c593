// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.schemas.feature.EncodedExample;
import java.nio.ByteBuffer;

/** One activation of a feature worth keeping, with the window of tokens around it. */
final class Firing {
  private final long rank;
  private final long sequence;
  private final int position;
  private final float activation;
  private final byte[] window;

  /**
   * A firing.
   *
   * @param rank its place in the random order, see {@link RandomOrder}
   * @param window as {@link EncodedExample} has it
   */
  Firing(long rank, long sequence, int position, float activation, byte[] window) {
    this.rank = rank;
    this.sequence = sequence;
    this.position = position;
    this.activation = activation;
    this.window = window;
  }

  long rank() {
    return rank;
  }

  long sequence() {
    return sequence;
  }

  int position() {
    return position;
  }

  float activation() {
    return activation;
  }

  EncodedExample toExample() {
    return new EncodedExample(sequence, position, activation, window);
  }

  int bytes() {
    return 2 * Long.BYTES + 3 * Integer.BYTES + window.length;
  }

  void writeTo(ByteBuffer out) {
    out.putLong(rank).putLong(sequence).putInt(position).putFloat(activation);
    out.putInt(window.length).put(window);
  }

  static Firing readFrom(ByteBuffer in) {
    long rank = in.getLong();
    long sequence = in.getLong();
    int position = in.getInt();
    float activation = in.getFloat();
    byte[] window = new byte[in.getInt()];
    in.get(window);
    return new Firing(rank, sequence, position, activation, window);
  }
}
