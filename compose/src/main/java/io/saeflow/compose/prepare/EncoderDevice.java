// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.DeviceUnavailableException;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.kernels.engine.TensorEngine;
import java.io.PrintStream;

/** The device that a process encodes on. */
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
    try {
      SaeEncoders encoders = SaeEncoders.on(device, engine);
      if (device instanceof Device.Auto) {
        messages.println("saeflow: encodes on " + encoders.description());
      }
      return encoders;
    } catch (DeviceUnavailableException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }
}
