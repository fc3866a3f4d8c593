// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The device of a class of tests: opened before its first, closed after its last. Where it cannot
 * be opened, each test is skipped by name.
 */
final class DeviceUnderTest implements BeforeEachCallback, AfterAllCallback {
  private final Supplier<CudaDevice> opening;
  private @Nullable CudaDevice device;

  private DeviceUnderTest(Supplier<CudaDevice> opening) {
    this.opening = opening;
  }

  /** On the emulated driver. */
  static DeviceUnderTest emulated() {
    return new DeviceUnderTest(EmulatedCuda::open);
  }

  /** A GPU, where there is one. */
  static DeviceUnderTest real() {
    return new DeviceUnderTest(RealGpu::open);
  }

  /** The open device. */
  CudaDevice device() {
    if (device == null) {
      throw new IllegalStateException("device: not open (expected: in a test)");
    }
    return device;
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    if (device == null) {
      device = opening.get();
    }
  }

  @Override
  public void afterAll(ExtensionContext context) {
    if (device != null) {
      device.close();
    }
  }
}
