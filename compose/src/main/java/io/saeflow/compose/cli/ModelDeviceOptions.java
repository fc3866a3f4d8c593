// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.Settings;
import io.saeflow.kernels.device.Device;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where the model runs. */
final class ModelDeviceOptions {
  @Option(
      names = "--model-device",
      paramLabel = "cpu|cuda[:N]",
      converter = ModelDeviceConverter.class,
      description =
          "Run the model on the processor, or with a libtorch of one's own that has CUDA on a GPU,"
              + " where activations differ in their last bits. Default: cpu; of 'produce', what the run"
              + " says.")
  private @Nullable Device device;

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    if (device != null) {
      settings.modelDevice(device);
    }
  }
}
