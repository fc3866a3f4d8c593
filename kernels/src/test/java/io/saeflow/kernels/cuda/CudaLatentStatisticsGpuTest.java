// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** Sorting and aggregating on a real GPU. */
@Tag("gpu")
class CudaLatentStatisticsGpuTest extends CudaLatentStatisticsContract {
  private static CudaDevice device;

  @BeforeAll
  static void open() {
    device = RealGpu.open();
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
