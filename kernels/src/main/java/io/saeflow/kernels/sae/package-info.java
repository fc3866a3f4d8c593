// SPDX-License-Identifier: Apache-2.0
/**
 * Sparse autoencoders: what they hold, and how activations become latents.
 *
 * <p>Start at {@link io.saeflow.kernels.sae.SaeEncoder}. {@code ReferenceSaeEncoder} defines every
 * bit of the result; any faster encoder must equal it.
 */
@NullMarked
package io.saeflow.kernels.sae;

import org.jspecify.annotations.NullMarked;
