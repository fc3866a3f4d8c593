// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.producer.gpt2.Gpt2;

/** The tensor engines of a process that has both the model and the encoders of a run. */
public final class RunEngines implements AutoCloseable {
  private final TensorEngine model;
  private final TensorEngine encoders;

  private RunEngines(TensorEngine model, TensorEngine encoders) {
    this.model = model;
    this.encoders = encoders;
  }

  /** Opens them: where encoders work beside the model, the same threads use one engine for both. */
  public static RunEngines open(RunConfig config) {
    TensorEngine model = Gpt2.openEngine();
    return config.stream().encodeAt() == EncodeAt.PRODUCER
        ? new RunEngines(model, model)
        : new RunEngines(model, LibtorchEngine.open(config.stream().threads()));
  }

  /** What the model works on: an operation uses one thread. */
  public TensorEngine model() {
    return model;
  }

  /** What encoders on the processor work on. */
  public TensorEngine encoders() {
    return encoders;
  }

  @Override
  public void close() {
    encoders.close();
    model.close();
  }
}
