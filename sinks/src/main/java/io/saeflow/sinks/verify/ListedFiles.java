// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import org.jspecify.annotations.Nullable;

/**
 * What the manifest says that one sink wrote for one autoencoder.
 *
 * @param checksums the file with their checksums; null if they have none
 * @param sha256 that file's own; null if there is none
 */
record ListedFiles(
    String sink,
    String sae,
    String folder,
    long files,
    @Nullable String checksums,
    @Nullable String sha256) {}
