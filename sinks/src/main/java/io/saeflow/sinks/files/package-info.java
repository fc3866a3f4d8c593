// SPDX-License-Identifier: Apache-2.0
/**
 * Files that appear whole or not at all, inside one output folder.
 *
 * <p>Start at {@link io.saeflow.sinks.files.OutputFolder}; {@link
 * io.saeflow.sinks.files.AtomicFile} writes bytes, {@link io.saeflow.sinks.files.JsonFile} JSON.
 */
@NullMarked
package io.saeflow.sinks.files;

import org.jspecify.annotations.NullMarked;
