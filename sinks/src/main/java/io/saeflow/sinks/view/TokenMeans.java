// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The mean activation of each token over all its occurrences in a feature's top sequences, which
 * are distinct. Only tokens with a mean above zero are listed.
 */
final class TokenMeans {
  /**
   * One token.
   *
   * @param mean over its occurrences, those with activation zero included
   * @param count occurrences
   */
  record TokenMean(int token, double mean, int count) {}

  private static final Comparator<TokenMean> STRONGEST_FIRST =
      Comparator.comparingDouble(TokenMean::mean)
          .thenComparingInt(TokenMean::count)
          .reversed()
          .thenComparingInt(TokenMean::token);

  private static final int SMALLEST = 256;

  // Open addressing; a slot is free where its count is 0.
  private int[] tokens = new int[SMALLEST];
  private int[] counts = new int[SMALLEST];
  private double[] sums = new double[SMALLEST];
  private int used;

  static TokenMeans of(FeatureRecord record) {
    TokenMeans means = new TokenMeans();
    for (Example example : record.getTop()) {
      for (int i = 0; i < example.getTokens().size(); i++) {
        means.add(example.getTokens().get(i), example.getActivations().get(i));
      }
    }
    return means;
  }

  void add(int token, float activation) {
    int slot = slot(token);
    if (counts[slot] == 0) {
      if (2 * ++used > tokens.length) {
        grow();
        slot = slot(token);
      }
      tokens[slot] = token;
    }
    counts[slot]++;
    sums[slot] += activation;
  }

  void clear() {
    Arrays.fill(counts, 0);
    Arrays.fill(sums, 0);
    used = 0;
  }

  /** At most {@code limit}: highest mean first, then more occurrences, then lower id. */
  List<TokenMean> strongest(int limit) {
    List<TokenMean> means = new ArrayList<>();
    for (int slot = 0; slot < tokens.length; slot++) {
      if (counts[slot] > 0 && sums[slot] > 0) {
        means.add(new TokenMean(tokens[slot], sums[slot] / counts[slot], counts[slot]));
      }
    }
    means.sort(STRONGEST_FIRST);
    return means.size() > limit ? List.copyOf(means.subList(0, limit)) : means;
  }

  private int slot(int token) {
    int mask = tokens.length - 1;
    int slot = (token * 0x9E3779B9 >>> 8) & mask;
    while (counts[slot] != 0 && tokens[slot] != token) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private void grow() {
    int[] oldTokens = tokens;
    int[] oldCounts = counts;
    double[] oldSums = sums;
    tokens = new int[2 * oldTokens.length];
    counts = new int[tokens.length];
    sums = new double[tokens.length];
    for (int i = 0; i < oldTokens.length; i++) {
      if (oldCounts[i] > 0) {
        int slot = slot(oldTokens[i]);
        tokens[slot] = oldTokens[i];
        counts[slot] = oldCounts[i];
        sums[slot] = oldSums[i];
      }
    }
  }
}
