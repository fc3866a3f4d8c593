// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.ModelConfig;
import io.saeflow.kernels.device.Device;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads {@code cuda:1} and the like, as {@link DeviceConverter} does, for the model. */
final class ModelDeviceConverter implements ITypeConverter<Device> {
  @Override
  public Device convert(String value) {
    try {
      return Device.parse(value);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(
          "model-device: '%s' (expected: %s)".formatted(value, ModelConfig.DEVICES));
    }
  }
}
