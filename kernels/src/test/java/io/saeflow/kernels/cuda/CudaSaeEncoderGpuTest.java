// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;

/** The encoder on a real GPU. */
@Tag("gpu")
class CudaSaeEncoderGpuTest extends CudaSaeEncoderContract {
  private static CudaDevice device;

  /** Before each, so that each is skipped by name where there is no GPU. */
  @BeforeEach
  void open() {
    if (device == null) {
      device = RealGpu.open();
    }
  }

  @AfterAll
  static void close() {
    if (device != null) {
      device.close();
    }
  }

  @Override
  CudaDevice device() {
    return device;
  }

  @Override
  int cases() {
    return Integer.getInteger(RealGpu.CASES_PROPERTY, 3000);
  }
}
