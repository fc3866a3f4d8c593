// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import java.util.SplittableRandom;

/** Draws tokens in proportion to {@code exp(logit / temperature)}. */
final class TokenSampler {
  private final int vocabularySize;
  private final double temperature;
  private final SplittableRandom random;
  private final double[] cumulative;

  TokenSampler(int vocabularySize, double temperature, long seed) {
    this.vocabularySize = vocabularySize;
    this.temperature = temperature;
    this.random = new SplittableRandom(seed);
    this.cumulative = new double[vocabularySize];
  }

  /**
   * @param logits [S, vocabulary]
   * @param tokens [S]; filled
   */
  void sample(float[] logits, long[] tokens) {
    for (int row = 0; row < tokens.length; row++) {
      tokens[row] = sample(logits, row * vocabularySize);
    }
  }

  private int sample(float[] logits, int from) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabularySize; i++) {
      largest = Math.max(largest, logits[from + i]);
    }
    double sum = 0;
    for (int i = 0; i < vocabularySize; i++) {
      sum += Math.exp((logits[from + i] - largest) / temperature);
      cumulative[i] = sum;
    }
    double drawn = random.nextDouble() * sum;
    int token = 0;
    while (token < vocabularySize - 1 && cumulative[token] <= drawn) {
      token++;
    }
    return token;
  }
}
