// SPDX-License-Identifier: Apache-2.0
/**
 * Sparse autoencoders as others publish them, brought to one form.
 *
 * <p>Start at {@link io.saeflow.processors.weights.SaeFile}. Each family of files has its class,
 * which holds that family's rules.
 */
@NullMarked
package io.saeflow.processors.weights;

import org.jspecify.annotations.NullMarked;
