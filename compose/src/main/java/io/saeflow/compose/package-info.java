// SPDX-License-Identifier: Apache-2.0
/**
 * The front door of the whole: one run from text to files, in one process. Start at {@link
 * io.saeflow.compose.PipelineRunner}. May use every module; nothing depends on this one.
 */
@NullMarked
package io.saeflow.compose;

import org.jspecify.annotations.NullMarked;
