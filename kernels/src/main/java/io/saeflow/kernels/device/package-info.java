// SPDX-License-Identifier: Apache-2.0
/**
 * Where encoders and decoders run: the processor or a GPU. What comes out is the same.
 *
 * <p>Start at {@link io.saeflow.kernels.device.SaeEncoders}. May use the packages sae, engine and
 * cuda.
 */
@NullMarked
package io.saeflow.kernels.device;

import org.jspecify.annotations.NullMarked;
