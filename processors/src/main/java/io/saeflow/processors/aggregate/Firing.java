// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.schemas.feature.Example;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * One activation of a feature worth keeping, with the window of tokens around it. Its arrays are
 * never changed.
 */
final class Firing {
  private final long rank;
  private final long sequence;
  private final int position;
  private final float activation;
  private final long document;
  private final int windowStart;
  private final int[] tokens;
  private final float[] activations;

  /**
   * @param rank the firing's place in the random order, see {@link RandomOrder}
   * @param document the document at the position; -1 where there is none
   * @param windowStart the window's first position in the sequence
   * @param tokens the window's token ids
   * @param activations the feature's value at each of them
   */
  Firing(
      long rank,
      long sequence,
      int position,
      float activation,
      long document,
      int windowStart,
      int[] tokens,
      float[] activations) {
    this.rank = rank;
    this.sequence = sequence;
    this.position = position;
    this.activation = activation;
    this.document = document;
    this.windowStart = windowStart;
    this.tokens = tokens;
    this.activations = activations;
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
    List<Integer> tokenList = new ArrayList<>(tokens.length);
    List<Float> activationList = new ArrayList<>(tokens.length);
    for (int i = 0; i < tokens.length; i++) {
      tokenList.add(tokens[i]);
      activationList.add(activations[i]);
    }
    return new Example(
        sequence, position, activation, document, windowStart, tokenList, activationList);
  }

  /** At most this many bytes are written. */
  int maxBytes() {
    return 4 * Long.BYTES + 4 * Integer.BYTES + tokens.length * (2 * 5 + Float.BYTES);
  }

  /** Token ids as variable-length integers; of the activations only those that are not zero. */
  void writeTo(ByteBuffer out) {
    out.putLong(rank).putLong(sequence).putInt(position).putFloat(activation);
    out.putLong(document).putInt(windowStart).putInt(tokens.length);
    for (int token : tokens) {
      putVarInt(out, token);
    }
    for (int i = 0; i < tokens.length; i++) {
      if (activations[i] != 0) {
        putVarInt(out, i);
        out.putFloat(activations[i]);
      }
    }
    putVarInt(out, tokens.length);
  }

  static Firing readFrom(ByteBuffer in) {
    long rank = in.getLong();
    long sequence = in.getLong();
    int position = in.getInt();
    float activation = in.getFloat();
    long document = in.getLong();
    int windowStart = in.getInt();
    int length = in.getInt();
    int[] tokens = new int[length];
    for (int i = 0; i < length; i++) {
      tokens[i] = getVarInt(in);
    }
    float[] activations = new float[length];
    for (int i = getVarInt(in); i < length; i = getVarInt(in)) {
      activations[i] = in.getFloat();
    }
    return new Firing(
        rank, sequence, position, activation, document, windowStart, tokens, activations);
  }

  private static void putVarInt(ByteBuffer out, int value) {
    int rest = value;
    while ((rest & ~0x7f) != 0) {
      out.put((byte) (rest | 0x80));
      rest >>>= 7;
    }
    out.put((byte) rest);
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
