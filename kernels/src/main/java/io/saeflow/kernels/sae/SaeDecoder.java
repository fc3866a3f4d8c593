// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.sparse.CsrMatrix;
import io.saeflow.kernels.sparse.SquaredErrors;
import io.saeflow.kernels.sparse.WeightedRows;

/**
 * Turns latents back into activations, and says how far from them these are. Every operation is
 * rounded to nearest in float32, and only where {@code fma} is written it is fused, so that any
 * device can give the same bits. For a token x with latents e, ascending:
 *
 * <pre>
 * y[j] = +0;  for each e:  y[j] = fma(value[e], decoderWeights[e][j], y[j])
 * y[j] = y[j] + outputBias[j]
 * y[j] = y[j] * deviation(x) + mean(x)                      with LAYER_NORM
 * </pre>
 *
 * <p>{@code mean} and {@code deviation}, the latter without epsilon, are those by which the encoder
 * normalised x, as {@code InputRows} states them.
 *
 * <p>Not safe for use by several threads; it uses as many threads as it is told.
 */
public final class SaeDecoder implements AutoCloseable {
  private final DecoderWeights weights;
  private final int width;
  private final TokenWorkers<Worker> workers;

  /**
   * @param threads at least 1, the caller's among them
   */
  public SaeDecoder(DecoderWeights weights, int threads) {
    this.weights = weights;
    this.width = weights.width();
    this.workers = new TokenWorkers<>(threads, index -> new Worker());
  }

  /**
   * What the latents say that the activations were.
   *
   * @param activations [nTokens, D], row-major: what was encoded, of which only mean and deviation
   *     are used, and these only with {@link InputNormalization#LAYER_NORM}
   * @param latents the activations'
   * @return [nTokens, D], row-major; of a token that was not finite, it means nothing
   * @throws IllegalArgumentException if the two are not of as many tokens, or a latent is not the
   *     decoder's
   */
  public float[] decode(float[] activations, SparseLatents latents) {
    CsrMatrix matrix = matrix(activations, latents);
    float[] reconstruction = new float[activations.length];
    workers.forEach(
        latents.tokens(),
        (worker, from, to) -> {
          for (int t = from; t < to; t++) {
            float[] decoded = worker.decode(matrix, t, activations);
            System.arraycopy(decoded, 0, reconstruction, t * width, width);
          }
        });
    return reconstruction;
  }

  /**
   * The normalised mean squared error of each token's reconstruction, {@code mean((y - x)^2) /
   * mean(x^2)}, as {@link SquaredErrors#normalized} computes it.
   *
   * @param activations as for {@link #decode}, and compared with
   * @return [nTokens], none negative; NaN for a token that is not finite or all zero, or whose
   *     error leaves float32's range. A token without latents is compared with the bias; whether it
   *     had none, or an infinite one, cannot be told
   * @throws IllegalArgumentException as for {@link #decode}
   */
  public double[] normalizedErrors(float[] activations, SparseLatents latents) {
    CsrMatrix matrix = matrix(activations, latents);
    double[] errors = new double[latents.tokens()];
    workers.forEach(
        latents.tokens(),
        (worker, from, to) -> {
          for (int t = from; t < to; t++) {
            errors[t] = worker.normalizedError(matrix, t, activations);
          }
        });
    return errors;
  }

  @Override
  public void close() {
    workers.close();
  }

  private CsrMatrix matrix(float[] activations, SparseLatents latents) {
    if (activations.length != (long) latents.tokens() * width) {
      throw new IllegalArgumentException(
          "activations: %d values (expected: %d tokens of width %d)"
              .formatted(activations.length, latents.tokens(), width));
    }
    return new CsrMatrix(weights.latents(), latents.offsets(), latents.latents(), latents.values());
  }

  /** What one thread works with. */
  private final class Worker {
    private final SquaredErrors squaredErrors = new SquaredErrors(width);
    private final float[] centered = new float[width];
    private final WeightedRows rows = new WeightedRows(width);

    double normalizedError(CsrMatrix latents, int token, float[] activations) {
      float[] decoded = decode(latents, token, activations);
      double error = squaredErrors.normalized(decoded, 0, activations, token * width);
      return Double.isFinite(error) ? error : Double.NaN;
    }

    /** [D], until the next call. */
    float[] decode(CsrMatrix latents, int token, float[] activations) {
      float[] decoded = rows.sum(latents, token, weights.decoderWeights());
      float[] bias = weights.outputBias();
      for (int j = 0; j < width; j++) {
        decoded[j] += bias[j];
      }
      if (weights.normalization() == InputNormalization.LAYER_NORM) {
        denormalize(activations, token * width, decoded);
      }
      return decoded;
    }

    private void denormalize(float[] activations, int from, float[] decoded) {
      float mean = InputRows.mean(activations, from, width);
      for (int j = 0; j < width; j++) {
        centered[j] = activations[from + j] - mean;
      }
      float deviation = InputRows.deviation(centered, 0, width);
      for (int j = 0; j < width; j++) {
        decoded[j] = decoded[j] * deviation + mean;
      }
    }
  }
}
