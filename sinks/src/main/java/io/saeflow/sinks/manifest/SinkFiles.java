// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.manifest;

/**
 * What one sink wrote for one autoencoder.
 *
 * @param sink the sink's name, such as {@code sae-viewer}
 * @param sae the autoencoder's id
 * @param folder where, relative to the output folder; the file itself if the sink writes but one
 * @param files how many files
 * @param reproducible whether the same work gives the same bytes; only then are there checksums
 */
public record SinkFiles(String sink, String sae, String folder, int files, boolean reproducible) {}
