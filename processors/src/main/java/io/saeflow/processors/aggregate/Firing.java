// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FloatList;
import io.saeflow.schemas.feature.IntList;
import java.nio.ByteBuffer;

/**
 * One activation of a feature worth keeping, with the window of tokens around it.
 *
 * <p>The window is held as it is saved, a third of its size in arrays, since a run keeps dozens of
 * them for each feature: the token ids as variable-length integers, then position and value of each
 * activation that is not zero, then the window's length.
 */
final class Firing {
  private final long rank;
  private final long sequence;
  private final int position;
  private final float activation;
  private final long document;
  private final int windowStart;
  private final int windowLength;
  private final byte[] window;

  /**
   * A firing.
   *
   * @param rank its place in the random order, see {@link RandomOrder}
   * @param document the document at the position; -1 where there is none
   * @param windowStart the window's first position in the sequence
   * @param window as {@link WindowCutter} writes it
   */
  Firing(
      long rank,
      long sequence,
      int position,
      float activation,
      long document,
      int windowStart,
      int windowLength,
      byte[] window) {
    this.rank = rank;
    this.sequence = sequence;
    this.position = position;
    this.activation = activation;
    this.document = document;
    this.windowStart = windowStart;
    this.windowLength = windowLength;
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

  Example toExample() {
    ByteBuffer in = ByteBuffer.wrap(window);
    int[] tokens = new int[windowLength];
    for (int i = 0; i < windowLength; i++) {
      tokens[i] = getVarInt(in);
    }
    float[] activations = new float[windowLength];
    for (int i = getVarInt(in); i < windowLength; i = getVarInt(in)) {
      activations[i] = in.getFloat();
    }
    return new Example(
        sequence,
        position,
        activation,
        document,
        windowStart,
        new IntList(tokens),
        new FloatList(activations));
  }

  int bytes() {
    return 3 * Long.BYTES + 5 * Integer.BYTES + window.length;
  }

  void writeTo(ByteBuffer out) {
    out.putLong(rank).putLong(sequence).putInt(position).putFloat(activation).putLong(document);
    out.putInt(windowStart).putInt(windowLength).putInt(window.length).put(window);
  }

  static Firing readFrom(ByteBuffer in) {
    long rank = in.getLong();
    long sequence = in.getLong();
    int position = in.getInt();
    float activation = in.getFloat();
    long document = in.getLong();
    int windowStart = in.getInt();
    int windowLength = in.getInt();
    byte[] window = new byte[in.getInt()];
    in.get(window);
    return new Firing(
        rank, sequence, position, activation, document, windowStart, windowLength, window);
  }

  private static int getVarInt(ByteBuffer in) {
    int value = 0;
    for (int shift = 0; ; shift += 7) {
      byte next = in.get();
      value |= (next & 0x7f) << shift;
      if (next >= 0) {
        return value;
      }
    }
  }
}
