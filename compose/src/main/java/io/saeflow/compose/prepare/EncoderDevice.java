// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.DeviceUnavailableException;
import io.saeflow.kernels.device.LatentAggregators;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.kernels.engine.TensorEngine;
import java.io.PrintStream;
import java.util.function.Supplier;

/** The device that a process encodes and aggregates on. */
public final class EncoderDevice {
  private EncoderDevice() {}

  /**
   * Refuses a device that cannot be used, before anything is made.
   *
   * @throws BadInputException if it cannot be used
   */
  public static void require(Device device) {
    try {
      SaeEncoders.check(device);
    } catch (DeviceUnavailableException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  /**
   * Opens the device, and says on one line which was chosen if that was left open.
   *
   * @param engine that encoders on the processor work on
   * @throws BadInputException if it cannot be used
   */
  public static SaeEncoders open(Device device, TensorEngine engine, PrintStream messages) {
    return open(() -> SaeEncoders.on(device, engine), device, "encodes", messages);
  }

  /**
   * As {@link #open}, for a process that does not encode.
   *
   * @throws BadInputException if it cannot be used
   */
  public static LatentAggregators openAggregators(Device device, PrintStream messages) {
    return open(() -> LatentAggregators.on(device), device, "aggregates", messages);
  }

  private static <T extends LatentAggregators> T open(
      Supplier<T> opening, Device device, String does, PrintStream messages) {
    try {
      T opened = opening.get();
      if (device instanceof Device.Auto) {
        messages.println("saeflow: %s on %s".formatted(does, opened.description()));
      }
      return opened;
    } catch (DeviceUnavailableException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }
}
