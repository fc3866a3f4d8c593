// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import io.saeflow.schemas.feature.RunManifest;
import java.util.Collections;
import java.util.List;
import java.util.NavigableMap;

/** What holds for any feature's statistics and examples, in whatever format they are. */
final class FeatureRules {
  private static final float BIN_WIDTH = 0.2f;

  /**
   * One example.
   *
   * @param index of the firing in the window
   * @param activation the firing's value
   * @param activations one a token of the window
   * @param tokens how many tokens the window has
   */
  record Window(int index, float activation, List<Float> activations, int tokens) {
    float largest() {
      return Collections.max(activations);
    }
  }

  private final int top;
  private final int random;
  private final int window;

  FeatureRules(RunManifest manifest) {
    this.top = manifest.getTop();
    this.random = manifest.getRandom();
    this.window = Math.min(manifest.getWindow(), manifest.getContextLength());
  }

  /** The sum of a histogram's counts, by ascending bin. */
  static long requireHistogram(NavigableMap<Integer, Long> histogram) throws UnsoundFileException {
    long sum = 0;
    for (var bin : histogram.entrySet()) {
      require(bin.getKey() >= 1, "hist: bin %d (expected: above 0)", bin.getKey());
      require(
          bin.getValue() >= 1 && bin.getValue() <= Long.MAX_VALUE - sum,
          "hist: %d in bin %d (expected: above 0)",
          bin.getValue(),
          bin.getKey());
      sum += bin.getValue();
    }
    return sum;
  }

  /** That the largest value lies in the last bin. */
  static void requireLargest(NavigableMap<Integer, Long> histogram, float largest)
      throws UnsoundFileException {
    int bin = (int) Math.ceil(largest / BIN_WIDTH);
    require(
        histogram.lastKey() == bin,
        "hist: last bin %d (expected: %d, where the largest activation %s is)",
        histogram.lastKey(),
        bin,
        largest);
  }

  /** The strongest sequences, strongest first, each at its first maximum. */
  void requireTop(List<Window> windows, long active) throws UnsoundFileException {
    require(
        windows.size() <= Math.min(top, active)
            && (windows.isEmpty() == (Math.min(top, active) == 0)),
        "top: %d sequences (expected: 1 to %d, as there are %d firings)",
        windows.size(),
        Math.min(top, active),
        active);
    float before = Float.POSITIVE_INFINITY;
    for (int i = 0; i < windows.size(); i++) {
      Window each = windows.get(i);
      requireWindow("top", i, each);
      require(
          each.activation <= before,
          "top %d: activation %s (expected: at most %s, descending)",
          i,
          each.activation,
          before);
      before = each.activation;
      require(
          each.largest() == each.activation
              && each.activations.indexOf(each.activation) == each.index,
          "top %d: activation %s at %d (expected: the window's first maximum, %s)",
          i,
          each.activation,
          each.index,
          each.largest());
    }
  }

  /** A sample of the firings; all of them if they are few. */
  void requireRandom(List<Window> windows, long active) throws UnsoundFileException {
    require(
        windows.size() == Math.min(random, active),
        "random: %d firings (expected: %d of %d)",
        windows.size(),
        Math.min(random, active),
        active);
    for (int i = 0; i < windows.size(); i++) {
      requireWindow("random", i, windows.get(i));
    }
  }

  void requireWindow(String list, int i, Window each) throws UnsoundFileException {
    require(
        each.activations.size() == window && each.tokens == window,
        "%s %d: %d activations, %d tokens (expected: %d, the window)",
        list,
        i,
        each.activations.size(),
        each.tokens,
        window);
    require(
        each.index >= 0 && each.index < window,
        "%s %d: position %d (expected: inside the window of %d)",
        list,
        i,
        each.index,
        window);
    require(
        each.activation > 0 && each.activations.get(each.index) == each.activation,
        "%s %d: activation %s (expected: above 0, and the %s at its position)",
        list,
        i,
        each.activation,
        each.activations.get(each.index));
  }
}
