// SPDX-License-Identifier: Apache-2.0
/**
 * Where encoders, decoders and aggregators run: the processor or a GPU. What they make is the same.
 *
 * <p>Start at {@link io.saeflow.kernels.device.SaeEncoders}. May use the packages sae, aggregate,
 * engine and cuda.
 */
@NullMarked
package io.saeflow.kernels.device;

import org.jspecify.annotations.NullMarked;
