// SPDX-License-Identifier: Apache-2.0
/**
 * How far a run is, seen from outside: from its topics and its groups' offsets alone.
 *
 * <p>Start at {@link io.saeflow.compose.status.StatusReader}.
 */
@NullMarked
package io.saeflow.compose.status;

import org.jspecify.annotations.NullMarked;
