// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Sorting and aggregating on a real GPU. */
@Tag("gpu")
class CudaLatentAggregatorGpuTest extends CudaLatentAggregatorContract {
  @RegisterExtension static final DeviceUnderTest GPU = DeviceUnderTest.real();

  @Override
  CudaDevice device() {
    return GPU.device();
  }
}
