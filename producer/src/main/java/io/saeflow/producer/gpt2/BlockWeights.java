// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import io.saeflow.kernels.engine.Script;
import io.saeflow.kernels.engine.Tensor;
import io.saeflow.kernels.engine.TensorEngine;
import java.util.ArrayList;
import java.util.List;

/**
 * One block's weights in the engine.
 *
 * @param tensors the first norm's weight and bias, the query-key-value projection's, the
 *     attention's output projection's, the second norm's, the MLP's first layer's, its second's;
 *     matrices are [out, in], and on the CPU laid out for the engine's own use only
 */
record BlockWeights(List<Tensor> tensors) implements AutoCloseable {

  /** Reads block {@code layer}; the file has its matrices as [in, out]. */
  static BlockWeights load(
      Gpt2Weights weights,
      Gpt2Config config,
      ModelDtype dtype,
      int layer,
      TensorEngine engine,
      Script script)
      throws ModelException {
    long width = config.width();
    Loader loader =
        new Loader(weights, "h." + layer + ".", dtype, engine, script, new ArrayList<>());
    boolean complete = false;
    try {
      loader.vector("ln_1.weight", width);
      loader.vector("ln_1.bias", width);
      loader.matrix("attn.c_attn", width, 3 * width);
      loader.matrix("attn.c_proj", width, width);
      loader.vector("ln_2.weight", width);
      loader.vector("ln_2.bias", width);
      loader.matrix("mlp.c_fc", width, config.innerWidth());
      loader.matrix("mlp.c_proj", config.innerWidth(), width);
      complete = true;
      return new BlockWeights(List.copyOf(loader.tensors));
    } finally {
      if (!complete) {
        loader.tensors.forEach(Tensor::close);
      }
    }
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
  }

  private record Loader(
      Gpt2Weights weights,
      String prefix,
      ModelDtype dtype,
      TensorEngine engine,
      Script script,
      List<Tensor> tensors) {

    void vector(String name, long length) throws ModelException {
      tensors.add(engine.floats(weights.read(prefix + name, length), length));
    }

    void matrix(String name, long in, long out) throws ModelException {
      try (Tensor stored =
              engine.floats(weights.read(prefix + name + ".weight", in, out), in, out);
          Tensor transposed = script.call("transposed", stored).get(0);
          Tensor rounded = script.call(dtype.id(), transposed).get(0);
          Tensor bias = engine.floats(weights.read(prefix + name + ".bias", out), out)) {
        tensors.addAll(script.call("packed", rounded));
        tensors.addAll(script.call(dtype.id(), bias));
      }
    }
  }
}
