// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.engine.Script;
import io.saeflow.kernels.engine.Tensor;
import io.saeflow.kernels.engine.TensorEngine;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Equals {@link ReferenceSaeEncoder} to the bit, and is fast: a matrix product on the tensor engine
 * nominates latents, and only these get the canonical dot product, which decides.
 *
 * <p><b>Why nothing is missed.</b> Let u = 2^-24 and g(m) = m u / (1 - m u). A sum of m terms, each
 * of which meets at most r roundings, differs from the exact one by at most g(r) times the sum of
 * the terms' magnitudes. For the row z and latent i these are the D products and the bias, and with
 * Cauchy-Schwarz their magnitudes sum to at most M = |z| W + B, where W is the largest norm of a
 * latent's weights and B the largest magnitude of a bias.
 *
 * <ul>
 *   <li>The engine's score adds the D products and the bias in an order that is not known, with or
 *       without fused multiply-adds: r = D + 1.
 *   <li>The pre-activation: ceil(D/32) fused multiply-adds, 5 additions of the tree and that of the
 *       bias: r = ceil(D/32) + 6.
 *   <li>Underflow adds at most 2^-126 a value and a product, even where the engine flushes
 *       subnormal inputs and results to zero: below 2^-123 (D + 1) (1 + |z| + W) in all.
 * </ul>
 *
 * <p>So |score - pre| &lt;= E for the sum E of the three. If k latents have scores of at least t,
 * the k-th largest pre-activation is at least t - E, and one with a score below t - 2E is strictly
 * below it, ties included; a score of at most theta - E means a pre-activation of at most theta. E
 * is computed in float64 and enlarged by 2^-10 of itself, which covers the rounding of the norms
 * and of E. Tokens with M &gt;= 2^125, where a partial sum could overflow, go to the reference.
 *
 * <p>The premise is an engine that multiplies and adds in IEEE float32. Not safe for use by several
 * threads.
 */
public final class CertifiedSaeEncoder implements SaeEncoder {
  /** The bound needs (D + 1) 2^-24 to be well below one. */
  private static final int MAX_WIDTH = 1 << 20;

  /** 32 MiB of scores: enough rows for the matrix product to run at speed. */
  private static final int BLOCK_SCORES = 1 << 23;

  /** Past this a product gains no speed, and its rows would leave the cache. */
  private static final int MAX_BLOCK_TOKENS = 1024;

  private static final double ENLARGED = 1 + 0x1p-10;
  private static final double SAFE_MAGNITUDE = 0x1p125;

  private static final String METHODS =
      """
        def scores(self: __torch__.Script, rows: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
          return torch.linear(rows, weights, bias)
      """;

  private final SaeWeights weights;
  private final TensorEngine engine;
  private final Script script;
  private final Tensor encoderWeights;
  private final Tensor latentBias;

  private final ReferenceSaeEncoder reference;
  private final InputRows inputRows;
  private final ActiveLatents activeLatents;

  private final EncoderMeter meter;
  private final double maxWeightNorm;
  private final double maxBias;
  private final double relativeError;

  private final int blockTokens;
  private final float[] blockRows;
  private final float[] scores;
  private final float[] columnMaxima;
  private final int[] candidates;
  private final float[] pre;

  /**
   * @param engine must stay open as long as this encoder
   * @param meter told of what this encoder does
   * @throws IllegalArgumentException if the width exceeds 2^20, or the weights 2^31 - 1 bytes
   */
  public CertifiedSaeEncoder(SaeWeights weights, TensorEngine engine, EncoderMeter meter) {
    this.meter = meter;
    int width = weights.width();
    int latents = weights.latents();
    if (width > MAX_WIDTH) {
      throw new IllegalArgumentException(
          "width: %d (expected: at most %d)".formatted(width, MAX_WIDTH));
    }
    this.weights = weights;
    this.engine = engine;
    this.reference = new ReferenceSaeEncoder(weights);
    this.inputRows = new InputRows(weights);
    this.activeLatents = new ActiveLatents(weights.activationFunction());

    double norm = 0;
    double bias = 0;
    for (int i = 0; i < latents; i++) {
      norm = Math.max(norm, norm(weights.encoderWeights(), i * width, width));
      bias = Math.max(bias, Math.abs(weights.latentBias()[i]));
    }
    this.maxWeightNorm = norm;
    this.maxBias = bias;
    int chain = (width + Dot32.CHAINS - 1) / Dot32.CHAINS;
    this.relativeError = roundings(width + 1) + roundings(chain + 6);

    this.blockTokens = Math.max(1, Math.min(MAX_BLOCK_TOKENS, BLOCK_SCORES / latents));
    this.blockRows = new float[Math.multiplyExact(blockTokens, width)];
    this.scores = new float[latents];
    this.columnMaxima = new float[columns(weights)];
    this.candidates = new int[latents];
    this.pre = new float[latents];

    this.encoderWeights = engine.floats(weights.encoderWeights(), latents, width);
    this.latentBias = engine.floats(weights.latentBias(), latents);
    this.script = engine.script(METHODS);
  }

  @Override
  public SparseLatents encode(float[] activations) {
    long start = System.nanoTime();
    int tokens = weights.tokens(activations);
    SparseRows rows = new SparseRows(tokens);
    boolean[] finite = new boolean[blockTokens];
    for (int first = 0; first < tokens; first += blockTokens) {
      int block = Math.min(blockTokens, tokens - first);
      int rowCount = 0;
      for (int t = 0; t < block; t++) {
        finite[t] =
            inputRows.prepare(
                activations, (first + t) * weights.width(), blockRows, rowCount * weights.width());
        if (finite[t]) {
          rowCount++;
        }
      }
      addBlock(finite, block, rowCount, rows);
    }
    meter.addEncoded(tokens, System.nanoTime() - start);
    return rows.build();
  }

  @Override
  public void close() {
    latentBias.close();
    encoderWeights.close();
    script.close();
  }

  private void addBlock(boolean[] finite, int block, int rowCount, SparseRows rows) {
    if (rowCount == 0) {
      for (int t = 0; t < block; t++) {
        rows.endNonFiniteToken();
      }
      return;
    }
    int width = weights.width();
    FloatBuffer values = FloatBuffer.wrap(blockRows, 0, rowCount * width);
    try (Tensor input = engine.floats(values, rowCount, width);
        Tensor output = script.call("scores", input, encoderWeights, latentBias).get(0)) {
      FloatBuffer view = output.floats();
      int row = 0;
      for (int t = 0; t < block; t++) {
        if (finite[t]) {
          view.get(row * scores.length, scores);
          addToken(row * width, rows);
          row++;
        } else {
          rows.endNonFiniteToken();
        }
      }
    }
  }

  /** Encodes the row at {@code blockRows[from]}, whose scores have been read. */
  private void addToken(int from, SparseRows rows) {
    double rowNorm = norm(blockRows, from, weights.width());
    double magnitude = rowNorm * maxWeightNorm + maxBias;
    if (!(magnitude < SAFE_MAGNITUDE)) {
      reference.addToken(blockRows, from, rows);
      meter.addFallback();
      return;
    }
    double underflow = 0x1p-123 * (weights.width() + 1) * (1 + rowNorm + maxWeightNorm);
    int count = nominate(ENLARGED * (relativeError * magnitude + underflow));
    meter.addCandidates(count);
    for (int c = 0; c < count; c++) {
      pre[c] = reference.preActivation(blockRows, from, candidates[c]);
    }
    activeLatents.add(candidates, pre, count, rows);
  }

  /**
   * Collects every latent that can be active, ascending.
   *
   * @param error no less than any |score - pre|
   * @return how many there are
   */
  private int nominate(double error) {
    ActivationFunction function = weights.activationFunction();
    if (function instanceof ActivationFunction.TopK topK) {
      return atLeast(Math.max(kthColumnMaximum(topK.k()) - 2 * error, -error));
    }
    if (function instanceof ActivationFunction.Relu) {
      return atLeast(-error);
    }
    if (function instanceof ActivationFunction.JumpRelu jumpRelu) {
      return aboveThresholds(jumpRelu.thresholds(), error);
    }
    return atLeast(Double.NEGATIVE_INFINITY);
  }

  private int atLeast(double lowest) {
    // Rounded down, lest a score between the two is lost.
    float cut = Math.nextDown((float) lowest);
    int count = 0;
    for (int i = 0; i < scores.length; i++) {
      if (scores[i] >= cut) {
        candidates[count++] = i;
      }
    }
    return count;
  }

  private int aboveThresholds(float[] thresholds, double error) {
    int count = 0;
    for (int i = 0; i < scores.length; i++) {
      if (scores[i] + error > Math.max(thresholds[i], 0f)) {
        candidates[count++] = i;
      }
    }
    return count;
  }

  /**
   * A value that at least k scores reach: the k-th largest of the maxima of interleaved columns.
   * With four columns a latent sought it is close to the k-th largest score, and it costs one pass
   * that the compiler can vectorise.
   */
  private float kthColumnMaximum(int k) {
    int columns = columnMaxima.length;
    Arrays.fill(columnMaxima, Float.NEGATIVE_INFINITY);
    int whole = scores.length - scores.length % columns;
    for (int i = 0; i < whole; i += columns) {
      for (int c = 0; c < columns; c++) {
        columnMaxima[c] = Math.max(columnMaxima[c], scores[i + c]);
      }
    }
    for (int i = whole; i < scores.length; i++) {
      columnMaxima[i - whole] = Math.max(columnMaxima[i - whole], scores[i]);
    }
    Arrays.sort(columnMaxima);
    return columnMaxima[columns - k];
  }

  private static int columns(SaeWeights weights) {
    return weights.activationFunction() instanceof ActivationFunction.TopK topK
        ? (int) Math.min(weights.latents(), Math.max(64L, 4L * topK.k()))
        : 0;
  }

  private static double norm(float[] values, int from, int length) {
    double squares = 0;
    for (int j = from; j < from + length; j++) {
      squares += (double) values[j] * values[j];
    }
    return Math.sqrt(squares);
  }

  /** g(m) of the class's proof. */
  private static double roundings(int m) {
    return m * 0x1p-24 / (1 - m * 0x1p-24);
  }
}
