// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** The encoder's host code and kernels, on the emulated driver. */
@Tag("emulated-cuda")
class CudaSaeEncoderTest extends CudaSaeEncoderContract {
  private static CudaDevice device;

  @BeforeAll
  static void open() {
    EmulatedCuda.use();
    device = CudaDevice.open(CudaProbe.probe().devices().get(0));
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
    return 40;
  }
}
