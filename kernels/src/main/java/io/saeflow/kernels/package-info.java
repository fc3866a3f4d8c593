// SPDX-License-Identifier: Apache-2.0
/**
 * The mathematics, without streams or files.
 *
 * <p>{@link io.saeflow.kernels.sae} encodes activations into latents and says what the exact result
 * is; {@link io.saeflow.kernels.aggregate} says what is counted of these, and counts it; {@link
 * io.saeflow.kernels.sparse} has the products and sums with sparse matrices that decoding and
 * training need; {@link io.saeflow.kernels.engine} is the one home of libtorch.
 */
@NullMarked
package io.saeflow.kernels;

import org.jspecify.annotations.NullMarked;
