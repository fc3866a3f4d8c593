// SPDX-License-Identifier: Apache-2.0
/**
 * saeflow's own viewer: files that grow while a run goes on, and an HTTP server that reads nothing
 * but these files.
 *
 * <p>Start at {@link io.saeflow.sinks.view.ViewSink}, which writes them, and {@link
 * io.saeflow.sinks.view.ViewServer}, which serves them.
 */
@NullMarked
package io.saeflow.sinks.view;

import org.jspecify.annotations.NullMarked;
