// SPDX-License-Identifier: Apache-2.0
/**
 * What a whole run does with its topics, as no single stage does: make them, describe the run on
 * them, watch for what was set aside.
 *
 * <p>Start at {@link io.saeflow.compose.topic.RunTopics}.
 */
@NullMarked
package io.saeflow.compose.topic;

import org.jspecify.annotations.NullMarked;
