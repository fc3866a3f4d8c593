// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import io.saeflow.kernels.engine.Tensor;
import io.saeflow.schemas.hook.HookLocation;
import io.saeflow.schemas.hook.HookPoint;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Copies out what a pass shows at the hook points, and knows when it has seen them all. */
final class HookReader {
  private final Set<HookPoint> wanted;
  private final Map<HookPoint, float[]> seen = new LinkedHashMap<>();

  HookReader(List<HookPoint> wanted) {
    this.wanted = new LinkedHashSet<>(wanted);
  }

  /** A reader that is never done. */
  static HookReader none() {
    return new HookReader(List.of());
  }

  boolean wants(int layer, HookLocation location) {
    return wanted.contains(new HookPoint(layer, location));
  }

  /**
   * Reads the tensor, of float32, if this place is wanted; whether nothing more is wanted after it.
   */
  boolean read(int layer, HookLocation location, Tensor tensor) {
    if (!wants(layer, location)) {
      return false;
    }
    int size = 1;
    for (long dimension : tensor.shape()) {
      size = Math.toIntExact(size * dimension);
    }
    float[] values = new float[size];
    tensor.copyTo(values);
    seen.put(new HookPoint(layer, location), values);
    return seen.size() == wanted.size();
  }

  Map<HookPoint, float[]> activations() {
    return seen;
  }
}
