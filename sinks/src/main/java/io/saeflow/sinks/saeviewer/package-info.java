// SPDX-License-Identifier: Apache-2.0
/**
 * The feature files that OpenAI's sae-viewer loads.
 *
 * <p>Start at {@link io.saeflow.sinks.saeviewer.AtomSink}.
 */
@NullMarked
package io.saeflow.sinks.saeviewer;

import org.jspecify.annotations.NullMarked;
