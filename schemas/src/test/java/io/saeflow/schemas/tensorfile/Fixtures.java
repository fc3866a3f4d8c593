// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Objects;

/** The files made by {@code make_fixtures.py}. */
final class Fixtures {
  private Fixtures() {}

  static Path path(String name) throws URISyntaxException {
    URL url = Fixtures.class.getResource("/tensorfile/" + name);
    return Path.of(Objects.requireNonNull(url, name).toURI());
  }

  /** {@code i / 4 - 1}, as in the script; exact in every floating dtype for small n. */
  static float[] ramp(int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = i / 4f - 1;
    }
    return values;
  }
}
