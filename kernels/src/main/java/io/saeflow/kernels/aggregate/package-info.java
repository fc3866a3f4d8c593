// SPDX-License-Identifier: Apache-2.0
/**
 * Statistics of latents over batches: exact, and the same to the bit on every device.
 *
 * <p>{@link io.saeflow.kernels.aggregate.LatentStatistics} says what they are. Start at {@link
 * io.saeflow.kernels.aggregate.LatentAggregator}. Uses the sae package.
 */
@NullMarked
package io.saeflow.kernels.aggregate;

import org.jspecify.annotations.NullMarked;
