// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** Sorting and aggregating, on the emulated driver. */
@Tag("emulated-cuda")
class CudaLatentStatisticsTest extends CudaLatentStatisticsContract {
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
}
