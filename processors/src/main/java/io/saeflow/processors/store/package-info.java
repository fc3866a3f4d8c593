// SPDX-License-Identifier: Apache-2.0
/**
 * State stores that are plain objects of ours rather than Kafka Streams' key-value stores.
 *
 * <p>Start at {@link io.saeflow.processors.store.ObjectStoreBuilder}.
 */
@NullMarked
package io.saeflow.processors.store;

import org.jspecify.annotations.NullMarked;
