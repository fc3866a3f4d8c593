// SPDX-License-Identifier: Apache-2.0
/**
 * The folder a run writes into, and its rules. Start at {@link
 * io.saeflow.compose.output.RunFolder}.
 */
@NullMarked
package io.saeflow.compose.output;

import org.jspecify.annotations.NullMarked;
