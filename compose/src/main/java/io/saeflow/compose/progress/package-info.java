// SPDX-License-Identifier: Apache-2.0
/**
 * What a running pipeline says about how far it is. Start at {@link
 * io.saeflow.compose.progress.Progress}.
 */
@NullMarked
package io.saeflow.compose.progress;

import org.jspecify.annotations.NullMarked;
