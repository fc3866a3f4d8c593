// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import io.saeflow.kernels.sparse.CsrMatrix;
import io.saeflow.kernels.sparse.SquaredErrors;
import io.saeflow.kernels.sparse.WeightedRows;

/** Decodes on the processor, by as many threads as it is told. */
public final class CpuSaeDecoder implements SaeDecoder {
  private final DecoderWeights weights;
  private final int width;
  private final TokenWorkers<Worker> workers;

  /**
   * @param threads at least 1, the caller's among them
   */
  public CpuSaeDecoder(DecoderWeights weights, int threads) {
    this.weights = weights;
    this.width = weights.width();
    this.workers = new TokenWorkers<>(threads, index -> new Worker());
  }

  @Override
  public float[] decode(float[] activations, SparseLatents latents) {
    CsrMatrix matrix = weights.matrix(activations, latents);
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

  @Override
  public double[] normalizedErrors(float[] activations, SparseLatents latents) {
    CsrMatrix matrix = weights.matrix(activations, latents);
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
