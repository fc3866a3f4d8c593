// SPDX-License-Identifier: Apache-2.0
/**
 * Sparse autoencoders: what they hold, how activations become latents, and latents activations.
 *
 * <p>Start at {@link io.saeflow.kernels.sae.SaeEncoder}. {@code ReferenceSaeEncoder} defines every
 * bit of the result; any faster encoder must equal it. {@link io.saeflow.kernels.sae.SaeDecoder}
 * goes the other way, and states every bit itself.
 */
@NullMarked
package io.saeflow.kernels.sae;

import org.jspecify.annotations.NullMarked;
