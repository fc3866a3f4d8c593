// SPDX-License-Identifier: Apache-2.0
/**
 * Writes what a run found as files that other programs read, one package a format.
 *
 * <p>Start at {@link io.saeflow.sinks.Sinks}. Formats use {@link io.saeflow.sinks.records} or
 * {@link io.saeflow.sinks.topic} and {@link io.saeflow.sinks.files}; no format uses another.
 */
@NullMarked
package io.saeflow.sinks;

import org.jspecify.annotations.NullMarked;
