// SPDX-License-Identifier: Apache-2.0
/**
 * Stream messages as Arrow IPC streams: the only reader and writer of Arrow bytes.
 *
 * <p>Start at {@link io.saeflow.schemas.arrow.ArrowMessages}. Values are plain Arrow, without
 * extension types or compression, so that any Arrow implementation can read a topic.
 */
@NullMarked
package io.saeflow.schemas.arrow;

import org.jspecify.annotations.NullMarked;
