// SPDX-License-Identifier: Apache-2.0
/**
 * What a run is asked to do, checked once at the edge. Start at {@link
 * io.saeflow.compose.config.RunConfig}; {@link io.saeflow.compose.config.Settings} is how it is
 * read. May use schemas.
 */
@NullMarked
package io.saeflow.compose.config;

import org.jspecify.annotations.NullMarked;
