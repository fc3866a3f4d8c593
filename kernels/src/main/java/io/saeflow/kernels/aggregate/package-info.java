// SPDX-License-Identifier: Apache-2.0
/**
 * Statistics of latents over batches, in an order of additions that a CPU and a GPU both follow.
 *
 * <p>Start at {@link io.saeflow.kernels.aggregate.LatentStatistics}. Uses the sae package.
 */
@NullMarked
package io.saeflow.kernels.aggregate;

import org.jspecify.annotations.NullMarked;
