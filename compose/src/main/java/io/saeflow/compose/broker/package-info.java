// SPDX-License-Identifier: Apache-2.0
/**
 * A real Kafka broker inside this JVM. Start at {@link io.saeflow.compose.broker.EmbeddedBroker}.
 * The only package that may use Kafka's server classes.
 */
@NullMarked
package io.saeflow.compose.broker;

import org.jspecify.annotations.NullMarked;
