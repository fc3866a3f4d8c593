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

  /** Copies a token's scores from {@code index}, row-major. */
  void copyScores(int index, int count, ScoreRow to) {
    scores.copy(index, count, to);
  }

  /** Copies a token's largest scores of the groups from {@code index}, row-major. */
  void copyMaxima(int index, int count, ScoreRow to) {
    maxima.copy(index, count, to);
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

    void copy(int index, int count, ScoreRow to) {
      if (floats != null) {
        to.copy(floats, index, count);
      } else {
        to.copy(halves, index, count);
      }
    }
  }
}
