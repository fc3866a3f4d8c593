// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Sparse products and dense sums on a real GPU. */
@Tag("gpu")
class CudaSparseGpuTest extends CudaSparseContract {
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
