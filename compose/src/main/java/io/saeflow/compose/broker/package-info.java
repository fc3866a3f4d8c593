// SPDX-License-Identifier: Apache-2.0
/**
 * Kafka's server. Start at {@link io.saeflow.compose.broker.KafkaNode}, one node of a cluster; an
 * {@link io.saeflow.compose.broker.EmbeddedBroker} is such a node inside a run. The only package
 * that may use Kafka's server classes.
 */
@NullMarked
package io.saeflow.compose.broker;

import org.jspecify.annotations.NullMarked;
