// SPDX-License-Identifier: Apache-2.0
/**
 * Fuzz tests of everything that reads files and messages from outside. All readers are held to the
 * same laws, whoever makes the inputs: {@link io.saeflow.compose.fuzz.MutatedInputTest} a bounded
 * number from a seed, in each build, and {@link io.saeflow.compose.fuzz.CoverageGuidedTest} Jazzer,
 * for as long as one likes.
 *
 * <p>Start at {@link io.saeflow.compose.fuzz.Laws}; {@link io.saeflow.compose.fuzz.Targets} lists
 * the readers.
 */
@NullMarked
package io.saeflow.compose.fuzz;

import org.jspecify.annotations.NullMarked;
