// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.kernels.aggregate.SparseCounts;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Active tokens of each feature by the id of a label value, see {@link LabelDictionary}. */
final class LabelTallies implements FeatureStates {
  private final SparseCounts[] active;

  LabelTallies(int features) {
    this.active = new SparseCounts[features];
    Arrays.setAll(active, f -> new SparseCounts());
  }

  SparseCounts of(int feature) {
    return active[feature];
  }

  @Override
  public int bytes(int feature) {
    return active[feature].bytes();
  }

  @Override
  public void writeTo(ByteBuffer out, int feature) {
    active[feature].writeTo(out);
  }

  @Override
  public void readFrom(ByteBuffer in, int feature) {
    active[feature].readFrom(in);
  }
}
