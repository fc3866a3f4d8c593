// SPDX-License-Identifier: Apache-2.0
/**
 * Files of tensors that other programs wrote or will read: safetensors, PyTorch checkpoints, NumPy
 * arrays.
 *
 * <p>Start at {@link io.saeflow.schemas.tensorfile.TensorFile}. Files are untrusted: every length
 * is checked against the file before anything is allocated, and a file that breaks its format
 * throws {@link io.saeflow.schemas.tensorfile.TensorFileException}.
 */
@NullMarked
package io.saeflow.schemas.tensorfile;

import org.jspecify.annotations.NullMarked;
