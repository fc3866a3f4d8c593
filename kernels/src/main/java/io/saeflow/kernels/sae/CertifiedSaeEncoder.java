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
 * <p>Not safe for use by several threads; it uses as many threads as the engine does.
 */
public final class CertifiedSaeEncoder implements SaeEncoder {
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

  /** How a token is encoded. */
  private enum Road {
    SCORES,
    REFERENCE,
    NON_FINITE
  }

  private final SaeWeights weights;
  private final SharedScorer shared;

  /** Whether the scorer is closed with this. */
  private final boolean ownsScorer;

  private final EncoderMeter meter;

  /** k of TopK, else 0. */
  private final int k;

  private final TokenWorkers<Worker> workers;

  /** Whether scores are made at all. */
  private final boolean scores;

  /** The lowest threshold of each group's latents; of JumpReLU and ReLU. */
  private final float[] groupThresholds;

  private final int stripTokens;
  private final float[] rows;
  private final float[] roundedRows;
  private final double[] norms;
  private final Road[] roads;
  private final Candidates[] candidates;
  private final CandidatesByLatent byLatent;

  /**
   * One of several encoders with one scorer, each for a thread.
   *
   * @param shared must stay open as long as this encoder
   * @param meter told of what this encoder does
   */
  public CertifiedSaeEncoder(SharedScorer shared, EncoderMeter meter) {
    this(shared, meter, false);
  }

  /**
   * An encoder by itself.
   *
   * @param engine must stay open as long as this encoder
   * @param meter told of what this encoder does
   * @throws IllegalArgumentException if the width exceeds 2^20
   */
  public CertifiedSaeEncoder(SaeWeights weights, TensorEngine engine, EncoderMeter meter) {
    this(new SharedScorer(weights, engine), meter, true);
  }

  CertifiedSaeEncoder(
      SaeWeights weights, TensorEngine engine, EncoderMeter meter, ScorePrecision precision) {
    this(new SharedScorer(weights, engine, precision), meter, true);
  }

  private CertifiedSaeEncoder(SharedScorer shared, EncoderMeter meter, boolean ownsScorer) {
    this.shared = shared;
    this.ownsScorer = ownsScorer;
    this.weights = shared.weights();
    this.meter = meter;
    this.k = weights.activationFunction() instanceof ActivationFunction.TopK topK ? topK.k() : 0;
    this.workers = new TokenWorkers<>(shared.engine().threads(), index -> new Worker());
    Scorer example = shared.example();
    this.scores = example != null;
    this.groupThresholds = groupThresholds(example);
    int width = weights.width();
    int most = weights.latents();
    if (k > 0) {
      most = (int) Math.min(most, Math.max(4L * k, MAX_CANDIDATES));
    }
    int limit = most;
    int usual = k > 0 ? Math.min(most, Math.max(4 * k, USUAL_CANDIDATES)) : most;
    this.stripTokens =
        Math.max(1, Math.min(MAX_STRIP_TOKENS, STRIP_VALUES / Math.max(width, usual)));
    this.rows = new float[stripTokens * width];
    this.roundedRows = new float[example == null ? 0 : stripTokens * example.columns()];
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
    if (ownsScorer) {
      shared.close();
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
    if (scores) {
      Scorer scorer = shared.take(rows, finiteTokens(tokens));
      try {
        nominate(tokens, scorer);
      } finally {
        shared.giveBack(scorer);
      }
      rescore(tokens);
    }
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

  private float[] groupThresholds(@Nullable Scorer scorer) {
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

  /** What one thread works with. */
  private final class Worker {
    private final InputRows inputRows = new InputRows(weights);
    private final ReferenceSaeEncoder reference = new ReferenceSaeEncoder(weights);
    private final ActiveLatents activeLatents = new ActiveLatents(weights.activationFunction());
    private final ScoreRow maxima = new ScoreRow(shared.precision());
    private final ScoreRow rowScores = new ScoreRow(shared.precision());
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
        if (scores) {
          meter.addFallback();
        }
      }
    }
  }
}
