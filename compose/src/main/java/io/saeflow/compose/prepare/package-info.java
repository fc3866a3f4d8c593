// SPDX-License-Identifier: Apache-2.0
/**
 * Opens and checks everything a run reads, before the run creates anything.
 *
 * <p>Start at {@link io.saeflow.compose.prepare.PreparedRun}.
 */
@NullMarked
package io.saeflow.compose.prepare;

import org.jspecify.annotations.NullMarked;
