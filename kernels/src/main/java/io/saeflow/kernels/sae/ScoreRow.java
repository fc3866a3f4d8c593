// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.nio.FloatBuffer;
import java.nio.ShortBuffer;

/**
 * A thread's own copy of a token's scores: in the heap they are read in a fraction of the time that
 * the engine's memory takes.
 */
final class ScoreRow {
  private final boolean wide;
  private float[] floats = {};
  private short[] halves = {};

  ScoreRow(ScorePrecision precision) {
    this.wide = precision == ScorePrecision.FLOAT32;
  }

  /** Takes {@code count} float32 values from {@code index} on in place of what is here. */
  void copy(FloatBuffer values, int index, int count) {
    if (floats.length < count) {
      floats = new float[count];
    }
    values.get(index, floats, 0, count);
  }

  /** Takes {@code count} bfloat16 values from {@code index} on in place of what is here. */
  void copy(ShortBuffer values, int index, int count) {
    if (halves.length < count) {
      halves = new short[count];
    }
    values.get(index, halves, 0, count);
  }

  float get(int index) {
    return wide ? floats[index] : Float.intBitsToFloat(halves[index] << 16);
  }
}
