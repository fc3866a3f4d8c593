// SPDX-License-Identifier: Apache-2.0
/**
 * The command line. Start at {@link io.saeflow.compose.cli.Saeflow}. The only package that may use
 * picocli.
 */
@NullMarked
package io.saeflow.compose.cli;

import org.jspecify.annotations.NullMarked;
