// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.kernels.aggregate.LatentCounts;
import java.nio.ByteBuffer;

/** Active tokens of each feature by the id of a label value, see {@link LabelDictionary}. */
final class LabelTallies implements FeatureStates {
  private final LatentCounts active;

  LabelTallies(int features) {
    this.active = new LatentCounts(features);
  }

  /** Adds tokens, more than none. */
  void add(int feature, int id, long tokens) {
    active.add(feature, id, tokens);
  }

  /** How many tokens were added. */
  long active(int feature, int id) {
    return active.count(feature, id);
  }

  /**
   * Counts what was active under one id under another.
   *
   * @return whether anything was
   */
  boolean move(int feature, int from, int to) {
    long tokens = active.remove(feature, from);
    if (tokens > 0) {
      active.add(feature, to, tokens);
    }
    return tokens > 0;
  }

  @Override
  public int bytes(int feature) {
    return active.bytes(feature);
  }

  @Override
  public void writeTo(ByteBuffer out, int feature) {
    active.writeTo(out, feature);
  }

  @Override
  public void readFrom(ByteBuffer in, int feature) {
    active.readFrom(in, feature);
  }
}
