// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.engine.Script;
import io.saeflow.kernels.engine.Tensor;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sparse.Dot32;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Scores latents with a matrix product on the tensor engine, and bounds how far a score is from the
 * pre-activation.
 *
 * <p>For a token's row z, a fixed shift c, and latent i with weights w and bias b:
 *
 * <pre>
 * y = round(z - c)    v = round(w)    p1 + p2 + p3 = b + c.w, each part rounded, less a residue t
 * score = the engine's  v.y + p1 + p2 + p3                                as columns of one product
 * </pre>
 *
 * <p><b>The bound.</b> Write Y = z - c - y, V = w - v, |.| for the Euclidean norm, and g(m, u) = m
 * u / (1 - m u). A sum of terms each of which meets at most m roundings, of relative error at most
 * u, differs from the exact sum by at most g(m, u) times the terms' magnitudes (Higham, Accuracy
 * and Stability of Numerical Algorithms, lemma 3.1), which are at most the product of the norms.
 *
 * <ul>
 *   <li>Rounding of row, weights and bias. z.w + b - (v.y + p1 + p2 + p3) = Y.w + y.V + t, exactly,
 *       so at most |Y||w| + |y||V| + |t| (Cauchy-Schwarz). This holds for whatever {@code round}
 *       does: the norms are those of the actual differences.
 *   <li>The product. K = D + 3 terms in an unknown order, with or without fused multiply-adds: at
 *       most g(K + 1, 2^-23) (|y||v| + |p1| + |p2| + |p3|). 2^-23 covers rounding to either
 *       neighbour: bfloat16 instructions need not round to the nearest one.
 *   <li>Storing a score s as bfloat16, again to either neighbour: at most 2^-8 |s|.
 *   <li>The pre-activation, Dot32 and the bias: ceil(D/32) fused multiply-adds and 6 additions, at
 *       most g(ceil(D/32) + 6, 2^-24) (|z||w| + |b|).
 *   <li>Underflow: at most 2^-126 for each of 2K + 2 operations, even where the engine flushes
 *       subnormal numbers, as {@code round} leaves none: below 2^-120 (K + 2).
 * </ul>
 *
 * <p>All of this is computed in float64 and enlarged by 2^-10 of itself, which covers the rounding
 * of doing so; what is kept as float32 is rounded up. The premise on the engine is that products of
 * bfloat16 and their sums are float32 numbers until the score is stored; {@link ScorePrecision} is
 * bfloat16 only where instructions do that, and {@link #sumsInFloat32} tries it.
 */
final class Scorer implements AutoCloseable {
  private static final String METHODS =
      """
        def bfloat16(self: __torch__.Script, values: Tensor) -> Tensor:
          return torch.to(values, 15)

        def joined(self: __torch__.Script, pieces: List[Tensor]) -> Tensor:
          return torch.cat(pieces, 0)

        def packed(self: __torch__.Script, pieces: List[Tensor]) -> Tensor:
          weights = (self).joined(pieces, )
          if ops.mkldnn._is_mkldnn_bf16_supported():
            p = ops.mkldnn._reorder_linear_weight(weights, 256)
          else:
            p = weights
          return p

        def scores(self: __torch__.Script, rows: Tensor, weights: Tensor) -> Tensor:
          if ops.prim.is_mkldnn(weights):
            scores = ops.mkldnn._linear_pointwise(rows, weights, None, "none", annotate(List[Optional[number]], []), "")
          else:
            scores = torch.linear(rows, weights)
          return scores

        def scores_and_maxima(self: __torch__.Script, rows: Tensor, weights: Tensor, size: int, groups: int) -> Tuple[Tensor, Tensor]:
          scores = (self).scores(rows, weights, )
          return (scores, torch.amax(torch.view(scores, [-1, size, groups]), [1]))
      """;

  /**
   * Latents of one product. The more there are, the closer the threshold already is to what it will
   * be when the first scores are looked at; those of {@link #ROWS} rows are 16 MiB in bfloat16.
   */
  private static final int BLOCK_LATENTS = 32_768;

  /**
   * Enough rows for a product to run at speed, and few enough for its scores to stay in a cache.
   */
  static final int ROWS = 256;

  /** 64 MiB of weights in bfloat16. */
  private static final int BLOCK_WEIGHTS = 1 << 25;

  /** 1 MiB of weights while they are rounded. */
  private static final int PIECE_WEIGHTS = 1 << 18;

  private static final int MAX_GROUP_SIZE = 16;
  private static final double ENLARGED = 1 + 0x1p-10;

  /** Below it, no partial sum overflows in float32, nor rounds to a bfloat16 infinity. */
  private static final double SAFE_MAGNITUDE = 0x1p125;

  /** Of a latent that only fills up a block: below every score of a safe row. */
  private static final float NO_LATENT = -0x1p126f;

  private final SaeWeights weights;
  private final TensorEngine engine;
  private final ScorePrecision precision;
  private final float[] shift;
  private final double shiftNorm;
  private final Script script;
  private final List<Tensor> blocks = new ArrayList<>();

  private final int parts;
  private final int columns;
  private final int blockLatents;
  private final int groupSize;

  /** g for the product and for the pre-activation. */
  private final double productError;

  private final double preActivationError;

  /** |w|, then |V| + g |v|, then what does not depend on the row; for latents and for groups. */
  private final Bounds latentBounds;

  private final Bounds groupBounds;

  private double maxWeightNorm;
  private double maxBias;

  /**
   * @param shift c, [D]
   * @param distinct how many groups there should at least be, where there are enough latents
   */
  Scorer(
      SaeWeights weights,
      TensorEngine engine,
      ScorePrecision precision,
      float[] shift,
      long distinct) {
    this.weights = weights;
    this.engine = engine;
    this.precision = precision;
    this.shift = shift;
    this.shiftNorm = norm(shift, 0, shift.length);
    int width = weights.width();
    int latents = weights.latents();
    this.parts = precision == ScorePrecision.FLOAT32 ? 1 : 3;
    this.columns = width + parts;
    this.productError = roundings(columns + 1, 0x1p-23);
    int chain = (width + Dot32.CHAINS - 1) / Dot32.CHAINS;
    this.preActivationError = roundings(chain + 6, 0x1p-24);

    int size = MAX_GROUP_SIZE;
    while (size > 1 && latents / size < distinct) {
      size /= 2;
    }
    this.groupSize = size;
    int most = Math.max(1, Math.min(BLOCK_LATENTS, BLOCK_WEIGHTS / columns) / size) * size;
    this.blockLatents = Math.min(most, (latents + size - 1) / size * size);
    this.latentBounds = new Bounds(latents);
    this.groupBounds = new Bounds(groupCount());
    this.script = engine.script(METHODS);
    for (int block = 0; block < blockCount(); block++) {
      blocks.add(roundedBlock(block));
    }
  }

  /** Whether the engine keeps a partial sum of bfloat16 products that bfloat16 could not hold. */
  static boolean sumsInFloat32(TensorEngine engine, int width) {
    int columns = width + 3;
    float p = 1 + 0x1p-7f;
    float[] row = new float[columns];
    float[] weight = new float[columns];
    // p * p - (1 + 2^-6) = 2^-14, its two terms as far apart as they can be.
    row[0] = p;
    weight[0] = p;
    row[columns - 1] = 1 + 0x1p-6f;
    weight[columns - 1] = -1;
    int count = 64;
    float[] rows = new float[count * columns];
    float[] latents = new float[count * columns];
    for (int i = 0; i < count; i++) {
      System.arraycopy(row, 0, rows, i * columns, columns);
      System.arraycopy(weight, 0, latents, i * columns, columns);
    }
    try (Script script = engine.script(METHODS);
        Tensor x = bfloat16(engine, script, FloatBuffer.wrap(rows), count, columns);
        Tensor rounded = bfloat16(engine, script, FloatBuffer.wrap(latents), count, columns);
        // In the layout that the product reads fastest.
        Tensor w = script.call("packed", List.of(rounded)).get(0);
        Scores scores = new Scores(script.call("scores", x, w), ScorePrecision.BFLOAT16)) {
      ScoreRow all = new ScoreRow(ScorePrecision.BFLOAT16);
      scores.copyScores(0, count * count, all);
      for (int i = 0; i < count * count; i++) {
        if (all.get(i) != 0x1p-14f) {
          return false;
        }
      }
      return true;
    }
  }

  /** K: how many values {@link #round} writes for a row. */
  int columns() {
    return columns;
  }

  int blockCount() {
    return (weights.latents() + blockLatents - 1) / blockLatents;
  }

  /** The first latent of a block. */
  int firstLatent(int block) {
    return block * blockLatents;
  }

  /** How many scores a token has in a block: its latents, filled up to whole groups. */
  int scoreCount(int block) {
    int rest = weights.latents() - firstLatent(block);
    return Math.min(blockLatents, (rest + groupSize - 1) / groupSize * groupSize);
  }

  /** How many groups a block has. Its group g is its latents g, g + groups, g + 2 groups, ... */
  int groupCount(int block) {
    return scoreCount(block) / groupSize;
  }

  /** How many groups all blocks have. */
  int groupCount() {
    return (weights.latents() + groupSize - 1) / groupSize;
  }

  /** The number of a block's first group among those of all blocks. */
  int firstGroup(int block) {
    return firstLatent(block) / groupSize;
  }

  /** The group of a latent, among those of all blocks. */
  int groupOf(int latent) {
    int block = latent / blockLatents;
    return firstGroup(block) + (latent - firstLatent(block)) % groupCount(block);
  }

  /**
   * Rounds a token's row z for {@link #score}.
   *
   * @param rounded where the row of {@link #columns} values goes, from {@code to}
   * @param norms where what {@link #latentError} needs goes, in two places from {@code normsTo}
   * @return whether scores of the row can be bounded; if not, zeros are written
   */
  boolean round(float[] rows, int from, float[] rounded, int to, double[] norms, int normsTo) {
    int width = weights.width();
    double rowNorm = norm(rows, from, width);
    double magnitude = (rowNorm + shiftNorm + 1) * (maxWeightNorm + 1) + maxBias;
    if (!(magnitude < SAFE_MAGNITUDE)) {
      Arrays.fill(rounded, to, to + columns, 0f);
      return false;
    }
    double lost = 0;
    double kept = 0;
    for (int j = 0; j < width; j++) {
      double exact = (double) rows[from + j] - shift[j];
      float y = precision.round((float) exact);
      rounded[to + j] = y;
      kept += (double) y * y;
      lost += (exact - y) * (exact - y);
    }
    Arrays.fill(rounded, to + width, to + columns, 1f);
    norms[normsTo] = Math.sqrt(lost) + preActivationError * rowNorm;
    norms[normsTo + 1] = Math.sqrt(kept);
    return true;
  }

  /** The tensor of {@code count} rounded rows, of tokens or weights, from row {@code first}. */
  Tensor rows(float[] rounded, int first, int count) {
    FloatBuffer values = FloatBuffer.wrap(rounded, first * columns, count * columns);
    return precision == ScorePrecision.FLOAT32
        ? engine.floats(values, count, columns)
        : bfloat16(engine, script, values, count, columns);
  }

  Scores score(Tensor rows, int block) {
    Tensor rounded = blocks.get(block);
    return new Scores(
        groupSize == 1
            ? script.call("scores", rows, rounded)
            : script.call("scores_and_maxima", rows, rounded, groupSize, groupCount(block)),
        precision);
  }

  /** No less than |score - pre| of a latent, for the row with these norms. */
  double latentError(int latent, float score, double[] norms, int at) {
    return latentBounds.error(latent, score, norms, at);
  }

  /**
   * As {@link #latentError}, for a group whose largest score this is: maximum + error is no less
   * than score + error of each of its latents, and maximum - error no more than that of the latent
   * with the largest score.
   *
   * @param group among those of all blocks
   */
  double groupError(int group, float maximum, double[] norms, int at) {
    return groupBounds.error(group, maximum, norms, at);
  }

  /**
   * No group whose maximum is lower has a latent whose score + error reaches {@code threshold}, for
   * the row with these norms; minus infinity if that can be said of none.
   *
   * @param threshold above zero
   */
  double lowestMaximum(double threshold, double[] norms, int at) {
    return groupBounds.lowestMaximum(threshold, norms, at);
  }

  @Override
  public void close() {
    blocks.forEach(Tensor::close);
    script.close();
  }

  /** A piece at a time: in float32 all of a block's weights would take twice what is kept. */
  private Tensor roundedBlock(int block) {
    int first = firstLatent(block);
    int count = scoreCount(block);
    int most = Math.min(count, Math.max(1, PIECE_WEIGHTS / columns));
    float[] rounded = new float[most * columns];
    List<Tensor> pieces = new ArrayList<>();
    try {
      for (int from = 0; from < count; from += most) {
        int size = Math.min(most, count - from);
        for (int i = 0; i < size; i++) {
          roundOrFill(first + from + i, rounded, i * columns);
        }
        pieces.add(rows(rounded, 0, size));
      }
      String method = precision == ScorePrecision.FLOAT32 ? "joined" : "packed";
      return script.call(method, pieces).get(0);
    } finally {
      pieces.forEach(Tensor::close);
    }
  }

  private void roundOrFill(int latent, float[] rounded, int to) {
    if (latent < weights.latents()) {
      roundLatent(latent, rounded, to);
      groupBounds.raise(groupOf(latent), latentBounds, latent);
    } else {
      Arrays.fill(rounded, to, to + columns, 0f);
      rounded[to + weights.width()] = NO_LATENT;
    }
  }

  private void roundLatent(int latent, float[] rounded, int to) {
    int width = weights.width();
    int from = latent * width;
    float[] w = weights.encoderWeights();
    double lost = 0;
    double kept = 0;
    double shifted = weights.latentBias()[latent];
    for (int j = 0; j < width; j++) {
      float v = precision.round(w[from + j]);
      rounded[to + j] = v;
      kept += (double) v * v;
      lost += ((double) w[from + j] - v) * ((double) w[from + j] - v);
      shifted += (double) shift[j] * w[from + j];
    }
    double weightNorm = norm(w, from, width);
    double bias = Math.abs(weights.latentBias()[latent]);
    double residue = shifted;
    double magnitude = 0;
    for (int part = 0; part < parts; part++) {
      float p = precision.round((float) residue);
      rounded[to + width + part] = p;
      residue -= p;
      magnitude += Math.abs(p);
    }
    double shiftedError = 0x1p-50 * (width + 2) * (shiftNorm * weightNorm + bias);
    latentBounds.set(
        latent,
        weightNorm,
        Math.sqrt(lost) + productError * Math.sqrt(kept),
        Math.abs(residue)
            + shiftedError
            + productError * magnitude
            + preActivationError * bias
            + 0x1p-120 * (columns + 2));
    maxWeightNorm = Math.max(maxWeightNorm, weightNorm);
    maxBias = Math.max(maxBias, bias + Math.abs(shifted));
  }

  /** The values are rounded already, so that the conversion is exact. */
  private static Tensor bfloat16(
      TensorEngine engine, Script script, FloatBuffer values, int rows, int columns) {
    try (Tensor floats = engine.floats(values, rows, columns)) {
      return script.call("bfloat16", floats).get(0);
    }
  }

  static double norm(float[] values, int from, int length) {
    double squares = 0;
    for (int j = from; j < from + length; j++) {
      squares += (double) values[j] * values[j];
    }
    return Math.sqrt(squares);
  }

  /** g(m, u) of the class's proof. */
  private static double roundings(int m, double u) {
    return m * u / (1 - m * u);
  }

  /** An error is linear in the two norms of a row; these are its coefficients, rounded up. */
  private final class Bounds {
    private final float[] perLoss;
    private final float[] perNorm;
    private final float[] constant;

    /** The largest of each. */
    private float mostPerLoss;

    private float mostPerNorm;
    private float mostConstant;

    Bounds(int count) {
      perLoss = new float[count];
      perNorm = new float[count];
      constant = new float[count];
    }

    void set(int index, double loss, double norm, double rest) {
      perLoss[index] = Math.nextUp((float) loss);
      perNorm[index] = Math.nextUp((float) norm);
      constant[index] = Math.nextUp((float) rest);
      raiseMost(index);
    }

    void raise(int index, Bounds other, int otherIndex) {
      perLoss[index] = Math.max(perLoss[index], other.perLoss[otherIndex]);
      perNorm[index] = Math.max(perNorm[index], other.perNorm[otherIndex]);
      constant[index] = Math.max(constant[index], other.constant[otherIndex]);
      raiseMost(index);
    }

    private void raiseMost(int index) {
      mostPerLoss = Math.max(mostPerLoss, perLoss[index]);
      mostPerNorm = Math.max(mostPerNorm, perNorm[index]);
      mostConstant = Math.max(mostConstant, constant[index]);
    }

    /**
     * Solves m + error(m) = threshold for the largest coefficients. Below zero m + error(m) is at
     * most error(0), so that there is an answer where that is below the threshold. It is lowered by
     * more than the rounding of computing it.
     */
    double lowestMaximum(double threshold, double[] norms, int at) {
      double atZero =
          ENLARGED * (norms[at] * mostPerLoss + norms[at + 1] * mostPerNorm + mostConstant);
      double rest = threshold - atZero;
      return rest > 0
          ? rest / (1 + ENLARGED * precision.storedError) * (1 - 0x1p-40) - 0x1p-40 * atZero
          : Double.NEGATIVE_INFINITY;
    }

    double error(int index, float score, double[] norms, int at) {
      return ENLARGED
          * (norms[at] * perLoss[index]
              + norms[at + 1] * perNorm[index]
              + constant[index]
              + precision.storedError * Math.abs(score));
    }
  }
}
