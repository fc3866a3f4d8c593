// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The decoder on a real GPU. */
@Tag("gpu")
class CudaSaeDecoderGpuTest extends CudaSaeDecoderContract {
  @RegisterExtension static final DeviceUnderTest GPU = DeviceUnderTest.real();

  @Override
  CudaDevice device() {
    return GPU.device();
  }

  @Override
  int cases() {
    return Integer.getInteger(RealGpu.CASES_PROPERTY, 3000) / 10 + 1;
  }
}
