// SPDX-License-Identifier: Apache-2.0
/**
 * The parts of a run, each in a process of its own or all in one: they meet on the run's topics
 * only.
 *
 * <p>Start at {@link io.saeflow.compose.role.Stages}, which starts the stages wherever they run,
 * and {@link io.saeflow.compose.role.RoleProcess}, which runs one {@link
 * io.saeflow.compose.role.Role} as a process does.
 */
@NullMarked
package io.saeflow.compose.role;

import org.jspecify.annotations.NullMarked;
