// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import io.saeflow.kernels.engine.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Each block's keys and values for the positions already written. Owns its tensors. */
final class KeyValueCache implements AutoCloseable {
  private final List<List<Tensor>> layers;

  KeyValueCache(int layers) {
    this.layers = new ArrayList<>(Collections.nCopies(layers, List.of()));
  }

  /** The block's keys and values, or nothing before the first position. */
  List<Tensor> of(int layer) {
    return layers.get(layer);
  }

  void replace(int layer, List<Tensor> keysAndValues) {
    layers.set(layer, List.copyOf(keysAndValues)).forEach(Tensor::close);
  }

  @Override
  public void close() {
    layers.forEach(layer -> layer.forEach(Tensor::close));
  }
}
