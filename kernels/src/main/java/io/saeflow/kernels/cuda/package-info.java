// SPDX-License-Identifier: Apache-2.0
/**
 * NVIDIA GPUs: finding one, its memory, and launching the kernels of src/main/cuda on it.
 *
 * <p>Start at {@link io.saeflow.kernels.cuda.CudaProbe}, then {@link
 * io.saeflow.kernels.cuda.CudaDevice}. This package alone imports JCuda, and only {@link
 * io.saeflow.kernels.cuda.CudaProbe} may be used where there may be no driver: each other class
 * needs its {@code READY}.
 */
@NullMarked
package io.saeflow.kernels.cuda;

import org.jspecify.annotations.NullMarked;
