// SPDX-License-Identifier: Apache-2.0
/**
 * Products and sums with sparse matrices, for decoding, reconstruction errors and gradients.
 *
 * <p>Start at {@link io.saeflow.kernels.sparse.SparseProducts}. Every result is defined to the bit:
 * each method states the order of its additions and what is fused, so that a device can give the
 * same. All arithmetic is float32, rounded to nearest, ties to even, with subnormals, unless stated
 * otherwise. NaN and infinities go through as IEEE 754 says. Depends on nothing but the JDK.
 */
@NullMarked
package io.saeflow.kernels.sparse;

import org.jspecify.annotations.NullMarked;
