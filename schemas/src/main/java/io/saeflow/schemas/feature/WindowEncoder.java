// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.util.Arrays;
import org.apache.avro.io.BinaryData;

/**
 * Makes windows of {@link EncodedExample}, one after the other: {@link #start}, then {@link
 * #addActivation} for each that is not zero, then {@link #finish}. Not safe for use by several
 * threads.
 */
public final class WindowEncoder {
  private static final int MAX_INT_BYTES = 5;
  private static final int MAX_LONG_BYTES = 10;
  private static final int MAX_TOKEN_BYTES = 2 * MAX_INT_BYTES + Float.BYTES;

  /** Length, the activations' end, document, window's start, number of tokens, the tokens' end. */
  private static final int MAX_FRAME_BYTES = 4 * MAX_INT_BYTES + MAX_LONG_BYTES + 1;

  private byte[] bytes = {};
  private int length;
  private int size;

  /**
   * Begins a window.
   *
   * @param windowLength its tokens, at least 1
   */
  public void start(int windowLength) {
    int most = windowLength * MAX_TOKEN_BYTES + MAX_FRAME_BYTES;
    if (bytes.length < most) {
      bytes = new byte[most];
    }
    length = windowLength;
    size = 0;
    addInt(windowLength);
  }

  /**
   * Adds an activation, one a token at most.
   *
   * @param at its place in the window
   */
  public void addActivation(int at, float value) {
    addInt(at);
    size += BinaryData.encodeFloat(value, bytes, size);
  }

  /**
   * Ends the window.
   *
   * @param document as in {@link Example}, likewise {@code windowStart}
   * @param tokens of which the window's are those from {@code first} on
   */
  public byte[] finish(long document, int windowStart, int[] tokens, int first) {
    addInt(EncodedExample.END);
    size += BinaryData.encodeLong(document, bytes, size);
    addInt(windowStart);
    // An array is blocks, each with its number of elements before it, and 0 after the last.
    addInt(length);
    for (int t = first; t < first + length; t++) {
      addInt(tokens[t]);
    }
    addInt(0);
    return Arrays.copyOf(bytes, size);
  }

  private void addInt(int value) {
    size += BinaryData.encodeInt(value, bytes, size);
  }
}
