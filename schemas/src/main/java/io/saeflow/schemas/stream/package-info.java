// SPDX-License-Identifier: Apache-2.0
/**
 * The messages between stages, as plain heap values: nothing here must be closed, and arrays are
 * shared, not copied, so treat them as read-only.
 *
 * <p>Start at {@link io.saeflow.schemas.stream.TokenBatch}: a token is named for ever by (run,
 * batch, row, position), and the later messages carry their batch along. A stream of batches ends
 * with an {@link io.saeflow.schemas.stream.EndOfStream}. Bytes are made in {@link
 * io.saeflow.schemas.arrow}.
 */
@NullMarked
package io.saeflow.schemas.stream;

import org.jspecify.annotations.NullMarked;
