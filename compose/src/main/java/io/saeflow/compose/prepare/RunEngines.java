// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.kernels.device.Device;
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

  /**
   * Opens them.
   *
   * @throws io.saeflow.compose.config.BadInputException if the model is to be on a GPU that
   *     libtorch cannot use
   */
  public static RunEngines open(RunConfig config) {
    Device device = config.model().device();
    TensorEngine model = ModelEngine.open(device);
    boolean opened = false;
    try {
      TensorEngine encoders =
          config.stream().encodeAt() == EncodeAt.PRODUCER
              ? besideModel(device, model)
              : LibtorchEngine.open(config.stream().threads());
      opened = true;
      return new RunEngines(model, encoders);
    } finally {
      if (!opened) {
        model.close();
      }
    }
  }

  /**
   * What encoders on the processor work on where the model runs: the same threads use the model's
   * engine for both, unless that is on a GPU.
   */
  public static TensorEngine besideModel(Device device, TensorEngine model) {
    return device instanceof Device.Cuda ? Gpt2.openEngine() : model;
  }

  /** What the model works on. */
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
