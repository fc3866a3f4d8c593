// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.progress;

/**
 * How far one stage is behind the one before it.
 *
 * @param stage its name, as the progress line shows it
 * @param batches published to it and not yet done
 */
public record StageLag(String stage, long batches) {}
