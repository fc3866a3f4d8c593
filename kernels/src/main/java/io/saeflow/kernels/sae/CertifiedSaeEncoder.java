// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.engine.Tensor;
import io.saeflow.kernels.engine.TensorEngine;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Equals {@link ReferenceSaeEncoder} to the bit, and is fast: {@link Scorer} scores latents in low
 * precision and bounds how wrong it may be, latents that may be active are nominated, and only
 * these get the canonical dot product, which decides.
 *
 * <p>Scores come a block of latents at a time, for a strip of tokens; they are never all there at
 * once. <b>Why nothing is missed.</b> |score - pre| &lt;= e for each latent, so a latent whose
 * score + e is not above zero, or its threshold, is not active. For TopK, let tau be the k-th
 * largest score - e of any set of different latents: k latents have pre &gt;= tau, so one with
 * score + e &lt; tau is strictly below each of them and not among the k largest, ties included. The
 * set taken is the largest latent of every group so far, so tau rises from block to block, and what
 * was nominated early is looked at again in the end.
 *
 * <p>Where that cannot decide, the reference does: rows so large that a partial sum might overflow,
 * and rows with too many near-ties. {@link EncoderMeter#fallbacks} counts them. With {@link
 * ActivationFunction.Identity} every latent is active, and no score is made.
 *
 * <p>If the typical row is far from zero, as when a few dimensions are huge on every token, rows
 * are scored as differences from it, which makes the bound narrow again. The typical row is the
 * median of the first rows seen; results do not depend on it.
 *
 * <p>Not safe for use by several threads; it uses as many threads as the engine does.
 */
public final class CertifiedSaeEncoder implements SaeEncoder {
  /** The bound needs (D + 4) 2^-23 to be well below one. */
  private static final int MAX_WIDTH = 1 << 20;

  /** So many share the weights that are read for exact dot products. */
  private static final int MAX_STRIP_TOKENS = 2048;

  /** 16 MiB of rows. */
  private static final int STRIP_VALUES = 1 << 22;

  /** Past so many candidates of TopK, or four times k, the reference is not much slower. */
  private static final int MAX_CANDIDATES = 8192;

  /** As many as a token of TopK rarely has; it may have more. */
  private static final int USUAL_CANDIDATES = 2048;

  /** Latents that one thread takes at a time for exact dot products. */
  private static final int PIECE_LATENTS = 256;

  /** How many rows show what is typical. */
  private static final int TYPICAL_ROWS = 64;

  /** How a token is encoded. */
  private enum Road {
    SCORES,
    REFERENCE,
    NON_FINITE
  }

  private final SaeWeights weights;
  private final TensorEngine engine;
  private final EncoderMeter meter;
  private final ScorePrecision precision;

  /** k of TopK, else 0. */
  private final int k;

  private final long groups;
  private final TokenWorkers<Worker> workers;

  /** Null for Identity. */
  private @Nullable Scorer scorer;

  /** The lowest threshold of each group's latents; of JumpReLU and ReLU. */
  private final float[] groupThresholds;

  private boolean typicalRowKnown;

  private final int stripTokens;
  private final float[] rows;
  private final float[] roundedRows;
  private final double[] norms;
  private final Road[] roads;
  private final Candidates[] candidates;
  private final CandidatesByLatent byLatent;

  /**
   * @param engine must stay open as long as this encoder
   * @param meter told of what this encoder does
   * @throws IllegalArgumentException if the width exceeds 2^20
   */
  public CertifiedSaeEncoder(SaeWeights weights, TensorEngine engine, EncoderMeter meter) {
    this(weights, engine, meter, precision(weights, engine));
  }

  CertifiedSaeEncoder(
      SaeWeights weights, TensorEngine engine, EncoderMeter meter, ScorePrecision precision) {
    requireWidth(weights.width());
    this.weights = weights;
    this.engine = engine;
    this.meter = meter;
    this.precision = precision;
    this.k = weights.activationFunction() instanceof ActivationFunction.TopK topK ? topK.k() : 0;
    // With eight times k groups, few of the k largest share one, and the threshold is close to
    // the k-th largest score.
    this.groups = 8L * k;
    this.workers = new TokenWorkers<>(engine.threads(), index -> new Worker());
    int width = weights.width();
    if (!(weights.activationFunction() instanceof ActivationFunction.Identity)) {
      this.scorer = new Scorer(weights, engine, precision, new float[width], groups);
    }
    this.groupThresholds = groupThresholds();
    int most = weights.latents();
    if (k > 0) {
      most = (int) Math.min(most, Math.max(4L * k, MAX_CANDIDATES));
    }
    int limit = most;
    int usual = k > 0 ? Math.min(most, Math.max(4 * k, USUAL_CANDIDATES)) : most;
    this.stripTokens =
        Math.max(1, Math.min(MAX_STRIP_TOKENS, STRIP_VALUES / Math.max(width, usual)));
    this.rows = new float[stripTokens * width];
    this.roundedRows = new float[scorer == null ? 0 : stripTokens * scorer.columns()];
    this.norms = new double[2 * stripTokens];
    this.roads = new Road[stripTokens];
    this.candidates = new Candidates[stripTokens];
    Arrays.setAll(candidates, t -> new Candidates(k, limit));
    this.byLatent = new CandidatesByLatent(weights.latents());
  }

  @Override
  public SparseLatents encode(float[] activations) {
    long start = System.nanoTime();
    int tokens = weights.tokens(activations);
    SparseRows result = new SparseRows(tokens);
    for (int first = 0; first < tokens; first += stripTokens) {
      encodeStrip(activations, first, Math.min(stripTokens, tokens - first), result);
    }
    meter.addEncoded(tokens, System.nanoTime() - start);
    return result.build();
  }

  @Override
  public void close() {
    workers.close();
    if (scorer != null) {
      scorer.close();
    }
  }

  private void encodeStrip(float[] activations, int first, int tokens, SparseRows result) {
    workers.forEach(
        tokens,
        (worker, from, to) -> {
          for (int t = from; t < to; t++) {
            worker.prepare(activations, first + t, t);
          }
        });
    if (scorer != null) {
      nominate(tokens, adjusted(scorer, tokens));
    }
    rescore(tokens);
    SparseRows[] chunks = new SparseRows[tokens];
    workers.forEach(
        tokens,
        (worker, from, to) -> {
          chunks[from] = new SparseRows(to - from);
          for (int t = from; t < to; t++) {
            worker.finish(t, chunks[from]);
          }
        });
    for (SparseRows chunk : chunks) {
      if (chunk != null) {
        result.append(chunk);
      }
    }
  }

  private void nominate(int tokens, Scorer scorer) {
    workers.forEach(
        tokens,
        (worker, from, to) -> {
          for (int t = from; t < to; t++) {
            round(t, scorer);
          }
        });
    for (int first = 0; first < tokens; first += Scorer.ROWS) {
      nominate(first, Math.min(Scorer.ROWS, tokens - first), scorer);
    }
    workers.forEach(
        tokens,
        (worker, from, to) -> {
          for (int t = from; t < to; t++) {
            if (roads[t] == Road.SCORES && !candidates[t].seal()) {
              roads[t] = Road.REFERENCE;
              candidates[t].clear();
            }
          }
        });
  }

  /** For the tokens of one matrix product. */
  private void nominate(int first, int tokens, Scorer scorer) {
    try (Tensor input = scorer.rows(roundedRows, first, tokens)) {
      for (int b = 0; b < scorer.blockCount(); b++) {
        int block = b;
        try (Scores scores = scorer.score(input, block)) {
          workers.forEach(
              tokens,
              (worker, from, to) -> {
                for (int row = from; row < to; row++) {
                  if (roads[first + row] == Road.SCORES) {
                    worker.nominate(first + row, row, block, scores, scorer);
                  }
                }
              });
        }
      }
    }
  }

  private void rescore(int tokens) {
    if (scorer == null) {
      return;
    }
    byLatent.sort(candidates, tokens);
    int pieces = (weights.latents() + PIECE_LATENTS - 1) / PIECE_LATENTS;
    workers.forEach(
        pieces,
        (worker, from, to) ->
            worker.rescore(from * PIECE_LATENTS, Math.min(to * PIECE_LATENTS, weights.latents())));
  }

  private void round(int t, Scorer scorer) {
    candidates[t].clear();
    int to = t * scorer.columns();
    if (roads[t] == Road.NON_FINITE) {
      Arrays.fill(roundedRows, to, to + scorer.columns(), 0f);
    } else {
      boolean safe = scorer.round(rows, t * weights.width(), roundedRows, to, norms, 2 * t);
      roads[t] = safe ? Road.SCORES : Road.REFERENCE;
    }
  }

  /** The scorer, made anew once if the first rows show that another shift is better. */
  private Scorer adjusted(Scorer current, int tokens) {
    int[] finite = finiteTokens(tokens);
    if (typicalRowKnown || precision == ScorePrecision.FLOAT32 || finite.length < TYPICAL_ROWS) {
      return current;
    }
    typicalRowKnown = true;
    float[] typical = median(finite);
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
    if (distances > 0.9 * lengths) {
      return current;
    }
    current.close();
    Scorer shifted = new Scorer(weights, engine, precision, typical, groups);
    scorer = shifted;
    return shifted;
  }

  private int[] finiteTokens(int tokens) {
    int[] finite = new int[tokens];
    int count = 0;
    for (int t = 0; t < tokens; t++) {
      if (roads[t] != Road.NON_FINITE) {
        finite[count++] = t;
      }
    }
    return Arrays.copyOf(finite, count);
  }

  /**
   * Of every dimension by itself: a few extreme tokens, such as the first of a text, do not count.
   */
  private float[] median(int[] tokens) {
    int width = weights.width();
    float[] median = new float[width];
    float[] column = new float[tokens.length];
    for (int j = 0; j < width; j++) {
      for (int i = 0; i < column.length; i++) {
        column[i] = rows[tokens[i] * width + j];
      }
      Arrays.sort(column);
      median[j] = column[column.length / 2];
    }
    return median;
  }

  private float[] groupThresholds() {
    float[] lowest = new float[scorer == null ? 0 : scorer.groupCount()];
    Arrays.fill(lowest, Float.POSITIVE_INFINITY);
    for (int i = 0; i < weights.latents() && scorer != null; i++) {
      int group = scorer.groupOf(i);
      lowest[group] = Math.min(lowest[group], threshold(i));
    }
    return lowest;
  }

  /** A latent is active above it; without TopK. */
  private float threshold(int latent) {
    return weights.activationFunction() instanceof ActivationFunction.JumpRelu jumpRelu
        ? Math.max(jumpRelu.thresholds()[latent], 0)
        : 0;
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

  /** What one thread works with. */
  private final class Worker {
    private final InputRows inputRows = new InputRows(weights);
    private final ReferenceSaeEncoder reference = new ReferenceSaeEncoder(weights);
    private final ActiveLatents activeLatents = new ActiveLatents(weights.activationFunction());
    private final ScoreRow maxima = new ScoreRow(precision);
    private final ScoreRow rowScores = new ScoreRow(precision);
    private int[] nearGroups = {};

    void prepare(float[] activations, int token, int t) {
      int width = weights.width();
      boolean finite = inputRows.prepare(activations, token * width, rows, t * width);
      roads[t] = finite ? Road.REFERENCE : Road.NON_FINITE;
    }

    /**
     * First the threshold of TopK is raised by what the groups reach, then those that reach it are
     * looked into.
     *
     * @param row of the token in the scores
     */
    void nominate(int t, int row, int block, Scores scores, Scorer scorer) {
      int groups = scorer.groupCount(block);
      int firstGroup = scorer.firstGroup(block);
      int count = scorer.scoreCount(block);
      scores.copyMaxima(row * groups, groups, maxima);
      scores.copyScores(row * count, count, rowScores);
      int near = findNear(t, groups, firstGroup, scorer);
      double lowest = lowest(candidates[t].threshold());
      float cut = cut(lowest, t, scorer);
      for (int n = 0; n < near; n++) {
        int g = nearGroups[n];
        float maximum = maxima.get(g);
        if (maximum >= cut) {
          double error = scorer.groupError(firstGroup + g, maximum, norms, 2 * t);
          double threshold = Math.max(lowest, groupThresholds[firstGroup + g]);
          if (maximum + error >= threshold) {
            addGroup(t, block, g, error, threshold, scorer);
          }
        }
      }
    }

    /**
     * Notes the groups that may have active latents, as far as the threshold tells when they are
     * met. Few are worth a bound of their own.
     *
     * @return how many
     */
    private int findNear(int t, int groups, int firstGroup, Scorer scorer) {
      if (nearGroups.length < groups) {
        nearGroups = new int[groups];
      }
      Candidates found = candidates[t];
      float threshold = found.threshold();
      float cut = cut(lowest(threshold), t, scorer);
      int near = 0;
      for (int g = 0; g < groups; g++) {
        float maximum = maxima.get(g);
        if (maximum >= cut) {
          nearGroups[near++] = g;
          if (k > 0 && maximum > threshold) {
            double error = scorer.groupError(firstGroup + g, maximum, norms, 2 * t);
            found.offer(Math.nextDown((float) (maximum - error)));
            if (found.threshold() > threshold) {
              threshold = found.threshold();
              cut = cut(lowest(threshold), t, scorer);
            }
          }
        }
      }
      return near;
    }

    /** What is active is above zero, so at least this. */
    private double lowest(float threshold) {
      return Math.max(threshold, Float.MIN_VALUE);
    }

    /** A group with a lower maximum has no latent that reaches {@code lowest}. */
    private float cut(double lowest, int t, Scorer scorer) {
      return Math.nextDown((float) scorer.lowestMaximum(lowest, norms, 2 * t));
    }

    private void addGroup(
        int t, int block, int group, double groupError, double threshold, Scorer scorer) {
      int count = scorer.scoreCount(block);
      int groups = scorer.groupCount(block);
      int first = scorer.firstLatent(block);
      // The error of a score that is not negative is no larger than its group's.
      double cut = threshold - groupError;
      double lowest = cut > 0 ? cut : Double.NEGATIVE_INFINITY;
      int end = Math.min(count, weights.latents() - first);
      for (int i = group; i < end; i += groups) {
        float score = rowScores.get(i);
        if (score >= lowest) {
          double error = scorer.latentError(first + i, score, norms, 2 * t);
          double upper = score + error;
          if (upper >= Math.max(threshold, threshold(first + i))) {
            candidates[t].add(
                first + i, Math.nextDown((float) (score - error)), Math.nextUp((float) upper));
          }
        }
      }
    }

    /** Gives the candidates among these latents their pre-activations. */
    void rescore(int fromLatent, int toLatent) {
      int width = weights.width();
      for (int latent = fromLatent; latent < toLatent; latent++) {
        for (int i = byLatent.begin(latent); i < byLatent.end(latent); i++) {
          int t = byLatent.token(i);
          candidates[t].values()[byLatent.place(i)] =
              reference.preActivation(rows, t * width, latent);
        }
      }
    }

    void finish(int t, SparseRows result) {
      Candidates found = candidates[t];
      if (roads[t] == Road.NON_FINITE) {
        result.endNonFiniteToken();
      } else if (roads[t] == Road.SCORES) {
        meter.addCandidates(found.count());
        activeLatents.add(found.latents(), found.values(), found.count(), result);
      } else {
        reference.addToken(rows, t * weights.width(), result);
        if (scorer != null) {
          meter.addFallback();
        }
      }
    }
  }
}
