// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import java.nio.file.Path;
import java.util.Map;

/** Where downloads are kept between runs. */
public final class DemoCache {
  private DemoCache() {}

  /**
   * {@code $SAEFLOW_CACHE}, else {@code $XDG_CACHE_HOME/saeflow}, else {@code ~/.cache/saeflow}.
   */
  public static Path locate() {
    return locate(System.getenv(), Path.of(System.getProperty("user.home")));
  }

  static Path locate(Map<String, String> environment, Path home) {
    String own = environment.getOrDefault("SAEFLOW_CACHE", "");
    if (!own.isEmpty()) {
      return Path.of(own);
    }
    String shared = environment.getOrDefault("XDG_CACHE_HOME", "");
    return (shared.isEmpty() ? home.resolve(".cache") : Path.of(shared)).resolve("saeflow");
  }
}
