// SPDX-License-Identifier: Apache-2.0
/**
 * Puts tokens and activations, or what an {@link io.saeflow.producer.publish.ActivationOutput}
 * makes of these, on their topics.
 *
 * <p>Start at {@link io.saeflow.producer.publish.TokenFeed} and {@link
 * io.saeflow.producer.publish.ActivationProducer}. Both can be stopped at any instant and started
 * again: every batch ends up on its topics exactly once.
 */
@NullMarked
package io.saeflow.producer.publish;

import org.jspecify.annotations.NullMarked;
