// SPDX-License-Identifier: Apache-2.0
/**
 * What becomes of a message that a stage cannot use.
 *
 * <p>Start at {@link io.saeflow.processors.deadletter.DeadLetter}.
 */
@NullMarked
package io.saeflow.processors.deadletter;

import org.jspecify.annotations.NullMarked;
