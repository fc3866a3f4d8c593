// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.engine.Tensor;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The scores of some tokens for one block of latents. May be read by several threads. */
final class Scores implements AutoCloseable {
  private final List<Tensor> tensors;
  private final Values scores;
  private final Values maxima;

  /**
   * @param tensors [nTokens, nLatents], and the largest of each group; closed by this
   */
  Scores(List<Tensor> tensors, ScorePrecision precision) {
    this.tensors = tensors;
    this.scores = new Values(tensors.get(0), precision);
    this.maxima = new Values(tensors.get(tensors.size() - 1), precision);
  }

  /** The score at {@code index}, row-major. */
  float score(int index) {
    return scores.get(index);
  }

  /** Copies the largest scores of the groups from {@code index}, row-major. */
  void copyMaxima(int index, float[] destination, int count) {
    maxima.copy(index, destination, count);
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
  }

  private static final class Values {
    private final @Nullable FloatBuffer floats;
    private final @Nullable ShortBuffer halves;

    Values(Tensor tensor, ScorePrecision precision) {
      boolean wide = precision == ScorePrecision.FLOAT32;
      this.floats = wide ? tensor.floats() : null;
      this.halves = wide ? null : tensor.bfloat16s();
    }

    void copy(int index, float[] destination, int count) {
      if (floats != null) {
        floats.get(index, destination, 0, count);
      } else {
        // One bounds check for all of them.
        ShortBuffer bits = halves.slice(index, count);
        for (int i = 0; i < count; i++) {
          destination[i] = Float.intBitsToFloat(bits.get(i) << 16);
        }
      }
    }

    float get(int index) {
      return floats != null ? floats.get(index) : Float.intBitsToFloat(halves.get(index) << 16);
    }
  }
}
