// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The decoder's host code and kernel, on the emulated driver. */
@Tag("emulated-cuda")
class CudaSaeDecoderTest extends CudaSaeDecoderContract {
  @RegisterExtension static final DeviceUnderTest GPU = DeviceUnderTest.emulated();

  @Override
  CudaDevice device() {
    return GPU.device();
  }

  @Override
  int cases() {
    return 100;
  }
}
