// SPDX-License-Identifier: Apache-2.0
/**
 * The run's manifest as a file, which says that everything else is there.
 *
 * <p>Start at {@link io.saeflow.sinks.manifest.ManifestFile}.
 */
@NullMarked
package io.saeflow.sinks.manifest;

import org.jspecify.annotations.NullMarked;
