// SPDX-License-Identifier: Apache-2.0
/**
 * The one poll loop: reads a topic from its beginning on a thread of its own.
 *
 * <p>Start at {@link io.saeflow.sinks.topic.TopicReader}. This package alone imports Kafka.
 */
@NullMarked
package io.saeflow.sinks.topic;

import org.jspecify.annotations.NullMarked;
