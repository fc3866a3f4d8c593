// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.schemas.hook.HookPoint;
import java.nio.file.Path;
import java.util.Optional;

/**
 * One autoencoder.
 *
 * @param id names its topics and folders; unique in a run
 * @param path an OpenAI {@code .pt} file, or a SAELens or sparsify directory
 * @param hook where it reads; if empty, its own files must say so
 * @param viewerPath its path under the subject in the sae-viewer tree; unique in a run
 */
public record SaeConfig(String id, Path path, Optional<HookPoint> hook, String viewerPath) {
  public SaeConfig {
    Expectation.folderName("SAE id", id);
    Expectation.folderPath("sae-path", viewerPath);
  }

  /** An id from the file's name and the hook, such as {@code sae-blocks.2.hook_resid_post}. */
  static String defaultId(Path path, Optional<HookPoint> hook) {
    String name = Expectation.lastName(path).replaceFirst("\\.pt$", "");
    return Expectation.toFolderName(
        hook.map(point -> name + "-" + point.name()).orElse(name), "sae");
  }
}
