// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.engine.LibtorchEngine;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The CPU's encoders make what the golden files hold, to the bit. */
class GoldenFileTest {
  @Test
  void thereAreGoldenFiles() {
    assertThat(goldenFiles()).hasSizeGreaterThanOrEqualTo(9);
  }

  @ParameterizedTest
  @MethodSource("goldenFiles")
  void theReferenceAgrees(GoldenFile file) {
    assertThat(new ReferenceSaeEncoder(file.weights()).encode(file.activations()))
        .isEqualTo(file.latents());
  }

  @ParameterizedTest
  @MethodSource("goldenFiles")
  void theCertifiedEncoderAgrees(GoldenFile file) {
    try (LibtorchEngine engine = LibtorchEngine.open(1);
        SaeEncoder certified =
            new CertifiedSaeEncoder(file.weights(), engine, new EncoderMeter())) {
      assertThat(certified.encode(file.activations())).isEqualTo(file.latents());
    }
  }

  static List<GoldenFile> goldenFiles() {
    return GoldenFile.all();
  }
}
