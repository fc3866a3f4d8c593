// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/** The GPU that tests tagged {@code gpu} run on, where there is one. */
final class RealGpu {
  /** Where it is true, tests fail rather than skip where no GPU can be used. */
  static final String REQUIRED_PROPERTY = "gpu.required";

  /**
   * How many random cases an encoder is tried with, and others with a tenth as many; few where what
   * seems a GPU is emulated.
   */
  static final String CASES_PROPERTY = "gpu.cases";

  private RealGpu() {}

  /** Opens it, or skips the test in the probe's words. */
  static CudaDevice open() {
    ProbeResult found = CudaProbe.probe(0);
    if (Boolean.getBoolean(REQUIRED_PROPERTY)) {
      assertThat(found.isReady()).as(found.describe()).isTrue();
    }
    assumeTrue(found.isReady(), () -> "GPU tests skipped: " + found.describe());
    return CudaDevice.open(found.devices().get(0));
  }
}
