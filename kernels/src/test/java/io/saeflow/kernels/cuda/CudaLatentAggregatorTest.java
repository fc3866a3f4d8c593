// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Sorting and aggregating, on the emulated driver. */
@Tag("emulated-cuda")
class CudaLatentAggregatorTest extends CudaLatentAggregatorContract {
  @RegisterExtension static final DeviceUnderTest GPU = DeviceUnderTest.emulated();

  @Override
  CudaDevice device() {
    return GPU.device();
  }
}
