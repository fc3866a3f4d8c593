// SPDX-License-Identifier: Apache-2.0
/**
 * Activations in, sparse latents out, one message a feature range.
 *
 * <p>Start at {@link io.saeflow.processors.encode.EncodeTopology}, or at {@link
 * io.saeflow.processors.encode.BatchEncoder} where activations are not published; the mathematics
 * is in {@link io.saeflow.kernels.sae}.
 */
@NullMarked
package io.saeflow.processors.encode;

import org.jspecify.annotations.NullMarked;
