// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.Settings;
import io.saeflow.kernels.device.Device;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where a process encodes and aggregates. */
final class DeviceOptions {
  @Option(
      names = "--device",
      paramLabel = "auto|cpu|cuda[:N]",
      converter = DeviceConverter.class,
      description =
          "Encode and aggregate on the processor or on a GPU; 'auto' takes a GPU if one can be used."
              + " The files are the same. 'saeflow devices' says what there is. Default: cpu.")
  private @Nullable Device device;

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    if (device != null) {
      settings.device(device);
    }
  }
}
