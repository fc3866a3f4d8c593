// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.weights;

import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.SaeWeights;
import io.saeflow.schemas.tensorfile.TensorFile;
import io.saeflow.schemas.tensorfile.TensorFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** An autoencoder's tensors, each read against the shape it must have. */
final class SaeTensors {
  private static final int TILE = 32;

  private final String name;
  private final TensorFile file;

  SaeTensors(Path path, TensorFile file) {
    this.name = String.valueOf(path.getFileName());
    this.file = file;
  }

  boolean has(String tensor) {
    return file.names().contains(tensor);
  }

  /** The size of dimension {@code dimension} of a tensor that has {@code dimensions}. */
  int size(String tensor, int dimension, int dimensions)
      throws TensorFileException, SaeFileException {
    List<Long> shape = file.shape(tensor);
    if (shape.size() != dimensions || !shape.stream().allMatch(n -> n >= 1 && n == n.intValue())) {
      throw problem(
          "tensor '%s': shape %s (expected: %d dimensions, each >= 1)"
              .formatted(tensor, shape, dimensions));
    }
    return shape.get(dimension).intValue();
  }

  void requireShape(String tensor, long... expected) throws TensorFileException, SaeFileException {
    List<Long> shape = file.shape(tensor);
    if (!shape.equals(Arrays.stream(expected).boxed().toList())) {
      throw problem(
          "tensor '%s': shape %s (expected: %s)"
              .formatted(tensor, shape, Arrays.toString(expected)));
    }
  }

  float[] read(String tensor, long... shape) throws TensorFileException, SaeFileException {
    requireShape(tensor, shape);
    return file.floats(tensor);
  }

  /** The weights, or what is wrong with them under this file's name. */
  SaeWeights weights(
      InputNormalization normalization,
      float[] inputBias,
      float[] encoderWeights,
      float[] latentBias,
      ActivationFunction activationFunction)
      throws SaeFileException {
    try {
      return new SaeWeights(
          inputBias.length,
          latentBias.length,
          normalization,
          inputBias,
          encoderWeights,
          latentBias,
          activationFunction);
    } catch (IllegalArgumentException e) {
      throw new SaeFileException(name + ": " + e.getMessage(), e);
    }
  }

  /** The decoder, or what is wrong with it under this file's name. */
  DecoderWeights decoder(
      InputNormalization normalization, float[] decoderWeights, float[] outputBias)
      throws SaeFileException {
    try {
      return new DecoderWeights(normalization, decoderWeights, outputBias);
    } catch (IllegalArgumentException e) {
      throw new SaeFileException(name + ": " + e.getMessage(), e);
    }
  }

  /** [rows, columns] to [columns, rows]; square by square, so that each stays in the cache. */
  static float[] transpose(float[] matrix, int rows, int columns) {
    float[] transposed = new float[matrix.length];
    for (int top = 0; top < rows; top += TILE) {
      for (int left = 0; left < columns; left += TILE) {
        int bottom = Math.min(top + TILE, rows);
        int right = Math.min(left + TILE, columns);
        for (int row = top; row < bottom; row++) {
          for (int column = left; column < right; column++) {
            transposed[column * rows + row] = matrix[row * columns + column];
          }
        }
      }
    }
    return transposed;
  }

  SaeFileException problem(String message) {
    return new SaeFileException(name + ": " + message);
  }
}
