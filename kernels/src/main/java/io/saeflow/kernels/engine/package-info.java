// SPDX-License-Identifier: Apache-2.0
/**
 * The tensor engine: libtorch, reached through TorchScript whose source text Java writes.
 *
 * <p>Start at {@link io.saeflow.kernels.engine.TensorEngine}. This package alone imports DJL.
 */
@NullMarked
package io.saeflow.kernels.engine;

import org.jspecify.annotations.NullMarked;
