// SPDX-License-Identifier: Apache-2.0
/**
 * The two Kafka Streams stages: activations to sparse latents, sparse latents to feature records.
 *
 * <p>Start at {@link io.saeflow.processors.Processors}, which runs both, then at {@code
 * EncodeTopology} and {@code AggregateTopology}.
 */
@NullMarked
package io.saeflow.processors;

import org.jspecify.annotations.NullMarked;
