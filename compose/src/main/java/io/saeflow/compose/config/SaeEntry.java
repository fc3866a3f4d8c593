// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * One autoencoder as it was asked for, before defaults.
 *
 * @param path its file or folder
 * @param hook a hook point's name in either notation
 * @param id its id in topics and folders
 * @param viewerPath its path in the sae-viewer tree
 */
public record SaeEntry(
    Path path, @Nullable String hook, @Nullable String id, @Nullable String viewerPath) {}
