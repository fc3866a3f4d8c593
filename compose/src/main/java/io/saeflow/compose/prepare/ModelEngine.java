// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.schemas.feature.RunManifest;
import java.util.Optional;

/** The tensor engine that a model works on. */
public final class ModelEngine {
  private ModelEngine() {}

  /**
   * Opens it.
   *
   * @throws BadInputException if it is to be on a GPU that libtorch cannot use
   */
  public static TensorEngine open(Device device) {
    if (!(device instanceof Device.Cuda cuda)) {
      return Gpt2.openEngine();
    }
    try {
      return Gpt2.openEngineOnGpu(cuda.ordinal());
    } catch (IllegalStateException e) {
      throw new BadInputException("model-device: %s: %s".formatted(cuda, e.getMessage()), e);
    }
  }

  /**
   * Where the model of a run that was defined elsewhere runs.
   *
   * @param given what was asked for here; empty for what the run says
   * @throws BadInputException if it is of another kind than the run says
   */
  public static Device device(Optional<Device> given, RunManifest run) {
    Device device = given.orElseGet(() -> Device.parse(run.getModelDevice()));
    if (!device.kind().equals(run.getModelDevice())) {
      throw new BadInputException(
          "model-device: %s (expected: %s, as run '%s' began)"
              .formatted(device, run.getModelDevice(), run.getRun()));
    }
    return device;
  }
}
