// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.engine.TensorEngine;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The {@link Scorer} of an autoencoder, for all its encoders: the rounded weights are half as large
 * as the weights themselves, and threads need no copies of their own. Safe for use by several
 * threads.
 *
 * <p>If the typical row is far from zero, as when a few dimensions are huge on every token, rows
 * are scored as differences from it, which makes the bound narrow again. The typical row is the
 * median of the first rows seen; results do not depend on it.
 */
public final class SharedScorer implements AutoCloseable {
  /** How many rows show what is typical. */
  private static final int TYPICAL_ROWS = 64;

  /** The bound needs (D + 4) 2^-23 to be well below one. */
  private static final int MAX_WIDTH = 1 << 20;

  private final SaeWeights weights;
  private final TensorEngine engine;
  private final ScorePrecision precision;
  private final long groups;

  private boolean typicalRowKnown;

  /** Null for Identity. */
  private @Nullable Scorer current;

  private int users;

  /** The one before, until nobody uses it any more. */
  private @Nullable Scorer former;

  private int formerUsers;

  /**
   * Rounds the weights, unless no score is made of them: with {@link ActivationFunction.Identity}.
   *
   * @param engine must stay open as long as this
   * @throws IllegalArgumentException if the width exceeds 2^20
   */
  public SharedScorer(SaeWeights weights, TensorEngine engine) {
    this(weights, engine, precision(weights, engine));
  }

  SharedScorer(SaeWeights weights, TensorEngine engine, ScorePrecision precision) {
    requireWidth(weights.width());
    this.weights = weights;
    this.engine = engine;
    this.precision = precision;
    // With eight times k groups, few of the k largest share one, and the threshold is close to
    // the k-th largest score.
    this.groups =
        weights.activationFunction() instanceof ActivationFunction.TopK topK ? 8L * topK.k() : 0;
    this.current =
        weights.activationFunction() instanceof ActivationFunction.Identity
            ? null
            : new Scorer(weights, engine, precision, new float[weights.width()], groups);
  }

  SaeWeights weights() {
    return weights;
  }

  TensorEngine engine() {
    return engine;
  }

  ScorePrecision precision() {
    return precision;
  }

  /** One that has the sizes of all that are taken; null for Identity. */
  synchronized @Nullable Scorer example() {
    return current;
  }

  /**
   * The scorer for these rows, to be given back; not with Identity. The first rows of all decide
   * whether it is made anew.
   *
   * @param rows [.., D], prepared
   * @param finite which of them are finite
   */
  synchronized Scorer take(float[] rows, int[] finite) {
    if (!typicalRowKnown && precision != ScorePrecision.FLOAT32 && finite.length >= TYPICAL_ROWS) {
      typicalRowKnown = true;
      float[] typical = median(rows, finite);
      if (isCloser(typical, rows, finite)) {
        former = current;
        formerUsers = users;
        closeFormerIfUnused();
        current = new Scorer(weights, engine, precision, typical, groups);
        users = 0;
      }
    }
    users++;
    return Objects.requireNonNull(current);
  }

  synchronized void giveBack(Scorer scorer) {
    if (scorer == current) {
      users--;
    } else {
      formerUsers--;
      closeFormerIfUnused();
    }
  }

  /** To be called when all its encoders are closed. */
  @Override
  public synchronized void close() {
    if (current != null) {
      current.close();
    }
  }

  private void closeFormerIfUnused() {
    if (former != null && formerUsers == 0) {
      former.close();
      former = null;
    }
  }

  /** Whether rows are much shorter as differences from this one. */
  private boolean isCloser(float[] typical, float[] rows, int[] finite) {
    double distances = 0;
    double lengths = 0;
    for (int t : finite) {
      double squares = 0;
      for (int j = 0; j < typical.length; j++) {
        double difference = (double) rows[t * typical.length + j] - typical[j];
        squares += difference * difference;
      }
      distances += Math.sqrt(squares);
      lengths += Scorer.norm(rows, t * typical.length, typical.length);
    }
    return distances <= 0.9 * lengths;
  }

  /**
   * Of every dimension by itself: a few extreme tokens, such as the first of a text, do not count.
   */
  private float[] median(float[] rows, int[] finite) {
    int width = weights.width();
    float[] median = new float[width];
    float[] column = new float[finite.length];
    for (int j = 0; j < width; j++) {
      for (int i = 0; i < column.length; i++) {
        column[i] = rows[finite[i] * width + j];
      }
      Arrays.sort(column);
      median[j] = column[column.length / 2];
    }
    return median;
  }

  private static ScorePrecision precision(SaeWeights weights, TensorEngine engine) {
    requireWidth(weights.width());
    ScorePrecision precision = ScorePrecision.ofThisMachine();
    return precision == ScorePrecision.FLOAT32 || Scorer.sumsInFloat32(engine, weights.width())
        ? precision
        : ScorePrecision.FLOAT32;
  }

  private static void requireWidth(int width) {
    if (width > MAX_WIDTH) {
      throw new IllegalArgumentException(
          "width: %d (expected: at most %d)".formatted(width, MAX_WIDTH));
    }
  }
}
