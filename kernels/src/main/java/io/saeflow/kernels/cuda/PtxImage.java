// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * The kernels as PTX, which the driver compiles for its GPU.
 *
 * @param target the oldest compute capability it runs on, and every newer one
 */
record PtxImage(ComputeCapability target) {
  /** build-ptx.sh makes one for each. */
  private static final List<PtxImage> ALL =
      Stream.of(ComputeCapability.OLDEST, new ComputeCapability(8, 0)).map(PtxImage::new).toList();

  static List<PtxImage> all() {
    return ALL;
  }

  /** Those that run on a GPU, the best first. */
  static List<PtxImage> bestFirst(ComputeCapability device) {
    return ALL.stream()
        .filter(image -> image.target.compareTo(device) <= 0)
        .sorted(Comparator.comparing(PtxImage::target).reversed())
        .toList();
  }

  /** Its resource beside this class, such as {@code saeflow_sm80.ptx}. */
  String name() {
    return "saeflow_sm%d%d.ptx".formatted(target.major(), target.minor());
  }

  String text() {
    try (InputStream in = PtxImage.class.getResourceAsStream(name())) {
      if (in == null) {
        throw new IllegalStateException(name() + ": missing (expected: a resource of this jar)");
      }
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
